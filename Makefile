# SPDX-License-Identifier: MIT
# The front door. meson does the building; everything made lies in build/ and out/.

# The distribution's own tools first: meson, pytest and cryptography belong to /usr/bin/python3.
export PATH := /usr/sbin:/usr/bin:/sbin:/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

PREFIX ?= /usr/local
RELEASE := build/release

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 20

build: release ## the programs: build/release/src/rauc and its helper (what `make` alone does)
	@ls -l $(RELEASE)/src/rauc

deps: ## install what all of this needs (Debian; asks sudo for root when something is missing)
	@tool/deps all

demo: deps release ## an A/B machine in QEMU: update it, break it, watch it come back (BOARD=qemuarm64: with U-Boot)
	demo/run$(if $(BOARD), --board $(BOARD))

check: deps ## every check and test; ends with "N passed, N failed"
	tool/check

bench: deps release ## the install path beside Debian's rauc and dd
	bench/run

install: release ## into PREFIX (/usr/local), below DESTDIR if given
	@meson configure $(RELEASE) -Dprefix="$(PREFIX)" && ninja -C $(RELEASE) programs
	meson install -C $(RELEASE) --no-rebuild $(if $(DESTDIR),--destdir "$(DESTDIR)")

clean: ## remove build/ and out/ (downloads and built images too)
	rm -rf build out

release:
	@tool/deps build
	@mkdir -p build
	@test -f $(RELEASE)/build.ninja || meson setup $(RELEASE) >$(RELEASE).log 2>&1 || \
		{ tail -n 20 $(RELEASE).log; exit 1; }
	@ninja -C $(RELEASE) programs

.DEFAULT_GOAL := build
.PHONY: help build deps demo check bench install clean release
