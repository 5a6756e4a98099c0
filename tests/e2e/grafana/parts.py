"""parts.py - packaging/grafana as Grafana reads it: the provisioning files are YAML of the form that it takes, the
dashboards JSON, and each source that a dashboard names is provisioned.

usage: parts.py FOLDER

Prints what does not fit; the exit code says whether anything does not.
"""

import json
import pathlib
import sys

import yaml

problems = []


def check(path, what, is_so):
    if not is_so:
        problems.append("%s: %s" % (path.name, what))


def provisioned(folder, key):
    """(file, entry) of the list `key` of all files; whatever they have else is a mistake."""
    for path in sorted(folder.glob("*.y*ml")):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            check(path, "no YAML: %s" % str(error).replace("\n", " "), False)
            continue
        is_form = isinstance(document, dict) and document.get("apiVersion") == 1 and isinstance(document.get(key), list)
        check(path, "not apiVersion 1 with a list of %s" % key, is_form and set(document) == {"apiVersion", key})
        for entry in document[key] if is_form else []:
            yield path, entry


def sources_of(value):
    """Every source that a dashboard names, wherever it does."""
    if isinstance(value, dict):
        if "datasource" in value:
            yield value["datasource"]
        for part in value.values():
            yield from sources_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from sources_of(part)


def main(folder):
    types = {}
    for path, source in provisioned(folder / "provisioning" / "datasources", "datasources"):
        for key, kind in (("name", str), ("uid", str), ("type", str), ("access", str), ("url", str), ("user", str),
                          ("secureJsonData", dict), ("jsonData", dict)):
            check(path, "%s is no %s" % (key, kind.__name__), isinstance(source.get(key), kind))
        check(path, "the zone must be UTC's", source.get("jsonData", {}).get("timezone") == "+00:00")
        check(path, "a uid twice: %s" % source.get("uid"), source.get("uid") not in types)
        types[source.get("uid")] = source.get("type")
    providers = list(provisioned(folder / "provisioning" / "dashboards", "providers"))
    check(folder, "no provider of dashboards", providers)
    for path, provider in providers:
        check(path, "no provider of files", provider.get("type") == "file" and provider.get("options", {}).get("path"))
    check(folder, "no source", types)

    uids = set()
    for path in sorted((folder / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        check(path, "no uid of its own", dashboard.get("uid") and dashboard["uid"] not in uids)
        uids.add(dashboard.get("uid"))
        check(path, "no title", dashboard.get("title"))
        sources = list(sources_of(dashboard))
        check(path, "no source", sources)
        for source in sources:
            uid = source.get("uid") if isinstance(source, dict) else source
            check(path, "a source that is not provisioned: %s" % uid, isinstance(source, dict) and uid in types)
            check(path, "not of the source's type: %s" % source, uid not in types or source.get("type") == types[uid])
    check(folder, "no dashboards", uids)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
