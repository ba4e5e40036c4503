#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Instructions by translated code against this machine's processor (tests/oracle/ has the interpreter's turn).
. "$(dirname "$0")/../lib.sh"
requires_config CONFIG_JIT
oracle=$objtree/tests/oracle/oracle.t
[ -x "$oracle" ] || skip_all "this build has no oracle"

ok "no differences" "$oracle" --jit --mode 64 --rounds 12
done_testing
