# SPDX-License-Identifier: GPL-2.0-or-later
# The build's front door; `make help` lists what it does. One make reads the
# whole tree: scripts/Makefile.build walks the one-line rules of the folders.
VERSION := 0.1.0
MAKEFLAGS += -rR --no-print-directory
export LC_ALL := C

ifneq ($(origin srctree),command line)
# First call: go to the folder where the results are wanted (O=, or here).
here := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
goals := $(or $(MAKECMDGOALS),all)
.PHONY: $(goals) sub-make
$(goals): sub-make ; @:
# With a new configuration among them, one goal at a time, as they stand.
mixed := $(and $(filter %config,$(goals)),$(filter-out %config,$(goals)))
sub-make:
	@$(if $(O),mkdir -p '$(O)')
	$(if $(filter check run bench,$(goals)),@$(here)/scripts/setup build run check $(filter bench,$(goals)))
	@$(if $(mixed),set -e; for goal in $(goals); do )$(MAKE) $(if $(O),-C '$(O)') -f $(here)/Makefile srctree=$(here) \
		$(if $(mixed),"$$goal"; done,$(goals))
else

objtree := $(CURDIR)
export srctree objtree
goals := $(or $(MAKECMDGOALS),all)

ifeq ($(V),1)
Q :=
say :=
else
Q := @
say = $(if $(silent),,$(info $(shell printf '  %-7s %s' '$(1)' '$(2)')))
endif
silent := $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))

# Goals that work without a configuration never read one.
noconf-goals := help clean mrproper setup style menuconfig nconfig oldconfig olddefconfig \
	savedefconfig listnewconfig allnoconfig allyesconfig randconfig %defconfig
.PHONY: all
all:

include $(srctree)/scripts/Makefile.config
ifneq ($(filter-out $(noconf-goals),$(goals)),)
# The values, remade from .config (which defaults to the defconfig) when stale.
include include/config/auto.conf
include $(srctree)/scripts/Makefile.flags
include $(srctree)/scripts/Makefile.build
include $(srctree)/scripts/Makefile.test
endif
include $(srctree)/scripts/Makefile.misc
endif
