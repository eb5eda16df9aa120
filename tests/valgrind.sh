#!/bin/sh
# valgrind.sh - the debug program under valgrind's memcheck, for `make check-valgrind`. What it finds goes where
# VALGRIND_OPTS says; what is lost at the end is an error too. No door for gdb: as another user it could not be removed.
here=$(dirname "$0")
exec valgrind -q --vgdb=no --suppressions="$here/valgrind.supp" --leak-check=full \
	--show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect --error-exitcode=99 \
	"$here/../build/debug/signpost" "$@"
