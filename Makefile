# A thin front: CMake does the work, packaging/*.sh the steps that need more than a line.
.PHONY: deps build run test bench bench-peers bench-growth fuzz soak format lint clean

deps:
	@mkdir -p build; sh packaging/deps.sh

build:
	@mkdir -p build; sh packaging/deps.sh build
	@cmake --preset release > build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release --target programs

run: build
	@sh packaging/run.sh

test: deps
	@sh packaging/test.sh

bench: build
	@cmake --build --preset release --target bench_mysql
	@sh bench/bench.sh

bench-peers: build
	@sh bench/peers/peers.sh

bench-growth: build
	@sh bench/peers/growth.sh

fuzz: deps
	@sh packaging/fuzz.sh

soak: deps
	@sh packaging/soak.sh

format:
	@clang-format -i $$(git ls-files '*.[ch]')

lint: deps
	@sh packaging/lint.sh

clean:
	@rm -rf build
