#!/bin/bash
# fresh.sh - tries the two commands on a machine with nothing but git, make and gcc.
#
# The machine is a bare Debian 12 in a chroot, the source a fresh clone of what is committed here. FULL=1 runs
# all of `make check` there as well. Needs root and the packages of `make deps-container`. It works in
# namespaces of its own, so whatever happens no process, mount or listener outlives it.
set -u
cd "$(dirname "$0")/.." || exit 1

if [ $# = 0 ]; then
	[ "$(id -u)" = 0 ] || { echo "fresh.sh: must be root" >&2; exit 1; }
	unset PASSED
	work=$(mktemp -d)
	trap 'rm -rf --one-file-system "$work"' EXIT
	unshare --mount --pid --fork --kill-child --mount-proc tests/fresh.sh "$work"
	exit
fi
trap 'exit 1' INT TERM
work=$1
root=$work/root

# shellcheck source=tests/checks.sh
. tests/checks.sh

inside() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}

machine() {
	tests/bookworm.sh "$root" &&
		mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
		inside apt-get -qq update &&
		inside env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install git make gcc
}

clone() {
	git -c safe.directory='*' clone -q "file://$PWD" "$root/signpost" && git -C "$root/signpost" log -1 --oneline
}

without_packages() { # helps, and where it cannot build says what would help
	inside make --no-print-directory -C /signpost help clean &&
		! inside make --no-print-directory -C /signpost >"$work/make" 2>&1 &&
		cat "$work/make" && grep -q 'make deps' "$work/make"
}

# Nothing is missing any more, so `make run` has to do without a network: it gets none, and port 5060 to itself.
run_and_call() {
	export -f inside
	# shellcheck disable=SC2016 # expanded by the inner shell
	root=$root unshare --net bash -c '
		ip link set lo up
		inside make --no-print-directory -C /signpost run &
		for _ in $(seq 600); do
			inside /signpost/build/signpost ping --timeout 200 udp:127.0.0.1:5060 2>/dev/null && break
			kill -0 $! || exit
			sleep 0.1
		done
		inside /signpost/build/signpost route -r /signpost/rules/examples/first.yaml +442071234567
		python3 - <<-"PY"
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(5)
		s.connect(("127.0.0.1", 5060))
		me = "%s:%d" % s.getsockname()
		s.send(f"INVITE sip:+442071234567@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK1\r\n"
		       f"From: <sip:a@{me}>;tag=1\r\nTo: <sip:+442071234567@127.0.0.1>\r\nCall-ID: 1\r\n"
		       f"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n".encode())
		reply = s.recv(65536).decode()
		print(reply)
		assert reply.startswith("SIP/2.0 302 ")
		PY
		status=$?
		kill $!
		exit $status'
}

ok "a bare Debian 12 with git, make and gcc" machine
ok "a fresh clone" clone
ok "make help and make clean work, make says what is missing" without_packages
ok "make deps installs what the build needs" inside make --no-print-directory -C /signpost deps
ok "make run builds, serves and answers a call, without a network" run_and_call
if [ "${FULL:-0}" = 1 ]; then
	ok "make check" inside make --no-print-directory -C /signpost check
	grep -E "^[0-9]+ passed" "$work/out" | sed "s/^/    /"
else
	ok "make deps-check installs what the tests need" inside make --no-print-directory -C /signpost deps-check
	ok "and starts none of it" sh -c '! pgrep -x kamailio'
fi
sum_up
