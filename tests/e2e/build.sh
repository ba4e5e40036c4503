# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests of the build: configurations and builds in folders of their own.

# vmake FOLDER ARGUMENTS...: make with O=FOLDER.
vmake() {
	vmake_dir=$1
	shift
	make -s -C "$srctree" O="$vmake_dir" "$@" </dev/null
}

# expected_applets CONFIG: the applets that a .config chose. A symbol of an
# applet in tools/ has the prompt "NAME: ...", "NAME (alias): ..." or "NAME, NAME: ...".
expected_applets() {
	find "$srctree/tools" -name Kconfig -exec awk '
		FNR == 1 { sym = "" }
		/^(menu)?config / { sym = $2 }
		/^\t(bool|prompt) "[a-z0-9, -]+( \([^)]*\))?: / && sym {
			names = $0
			sub(/^[^"]*"/, "", names)
			sub(/( \(.*)?: .*/, "", names)
			gsub(/,/, "", names)
			n = split(names, name, " ")
			for (i = 1; i <= n; i++)
				print "CONFIG_" sym "=y", name[i]
		}' {} + | while read -r line applet; do
		! grep -qx "$line" "$1" || echo "$applet"
	done | sort
}

# builds FOLDER: builds what FOLDER/.config says and compares the applets.
builds() {
	ok "$2: builds" vmake "$1" -j2 all
	is "$("$1/vmbox" --list 2>&1 | sort)" "$(expected_applets "$1/.config")" "$2: has the applets that were chosen"
}
