# The two commands a newcomer needs are `make demo` and `make test`. Each installs what is missing and says so.

CARGO ?= cargo
BOOTS ?= 1

.PHONY: demo test check test-vfio test-bare bench synth deps deps-test lint datasheet readme emit clean

## demo: open, use and close a TCP connection over the simulated gateware; writes demo.pcapng, demo.fst, demo.svg
demo: deps
	$(CARGO) run --release --locked -p handclasp -- demo

## test: everything that CI runs: format, lints, unit tests, co-simulation, Verilog lint
test: deps-test
	scripts/test

## check: for the inner loop: format, lints and the fast tests, in under 3 minutes once everything is built
check: deps-test
	scripts/check

## test-vfio: only the real VFIO path: QEMU, a stock kernel, vfio-pci, our sockets; BOOTS=20 boots so many times
test-vfio: deps-test
	scripts/test-vfio $(BOOTS)

## test-bare: `make demo` and `make test` on a minimal Debian made for it, so that no tool of this machine can hide a missing one (root)
test-bare:
	scripts/install bare
	scripts/test-bare

## bench: what a connection costs beside smoltcp and Linux, where the time goes from end to end; a report in build/bench
bench: deps
	scripts/install bench || echo "without valgrind: instruction counts are left out"
	$(CARGO) bench --locked -p handclasp-benches
	$(CARGO) run --release --locked -p handclasp -- bench all

## synth: area of the gateware in an FPGA, and hdl/PERFORMANCE.md anew; PLACE=1 SEEDS=3: clock too; BLOCK=rx.decoder WIDTH=512: one block
synth:
	scripts/install synth
	scripts/synth $(if $(WIDTH),--width $(WIDTH)) $(if $(PLACE),--place) $(if $(SEEDS),--seeds $(SEEDS)) $(BLOCK)

## deps: what building, simulating and the demo's Linux peer need
deps:
	scripts/install build demo

## deps-test: what the tests need besides; scripts/programs.txt says what and why
deps-test:
	scripts/install build demo test

## lint: only the checks that read the source
lint: deps-test
	scripts/lint

## datasheet: write DATASHEET.md anew from hdl/layout
datasheet:
	$(CARGO) run --quiet --locked -p handclasp-layout --bin datasheet > DATASHEET.md.new
	mv DATASHEET.md.new DATASHEET.md

## readme: make anew what README.md and docs/ladder.svg show of runs
readme: deps
	$(CARGO) run --release --locked -p handclasp -- readme

## emit: the Verilog of both widths, in build/
emit: deps
	$(CARGO) run --release --locked -p handclasp -- emit -o build

clean:
	$(CARGO) clean
	rm -rf build demo.pcapng demo.fst demo.svg
