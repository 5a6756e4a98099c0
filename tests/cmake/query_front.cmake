# The front of query: lexer, parser, binder, functions, programs.
sluice_test(unit/query/lex_test.c sluice_query_front)
sluice_test(unit/query/function_test.c sluice_query_front)
sluice_test(unit/query/bind_test.c sluice_query_front)
sluice_test(unit/query/insert_test.c sluice_query_front)
sluice_test(unit/query/flow_view_test.c sluice_query_front)
sluice_test(unit/query/program_test.c sluice_query_front)
sluice_fuzz(parse sluice_query_front)
