#!/bin/bash
# deb.sh - installs the package that `make deb` has built in a bare Debian 12, and puts it to the test.
#
# The machine is a chroot without systemd, so the program is started by hand, as the unit starts it. Needs root and
# the packages of `make deps-deb`. It works in namespaces of its own, so whatever happens no process, mount or
# listener outlives it, and port 5060 is free.
set -u
cd "$(dirname "$0")/.." || exit 1

case ${1:-} in
'')
	[ "$(id -u)" = 0 ] || { echo "deb.sh: must be root" >&2; exit 1; }
	unset PASSED
	work=$(mktemp -d)
	trap 'rm -rf --one-file-system "$work"' EXIT
	unshare --mount --pid --fork --kill-child --mount-proc tests/deb.sh prepare "$work"
	exit
	;;
esac
trap 'exit 1' INT TERM
work=$2
root=$work/root
deb=$(ls build/deb/signpost_*.deb)

# shellcheck source=tests/checks.sh
. tests/checks.sh

inside() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}

machine() {
	tests/bookworm.sh "$root" && mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
		inside apt-get -qq update && cp "$deb" "$root/signpost.deb"
}

# What there is outside of what dpkg and apt keep for themselves.
files() {
	(cd "$root" && find etc usr var lib home opt srv -xdev ! -path 'var/lib/dpkg/*' ! -path 'var/lib/apt/*' \
		! -path 'var/cache/*' ! -path 'var/log/apt*' ! -name 'dpkg.log*' | sort)
}

depends() { # what the package needs comes first, so that what is left over later is the package's
	# shellcheck disable=SC2046 # a list of names
	inside apt-get -qq -y --no-install-recommends install logrotate bash-completion \
		$(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/^ *//; s/[ (|].*//') &&
		inside adduser --quiet --system --group --no-create-home --home /nonexistent signpost && files >"$work/before"
}

contents() {
	inside test -x /usr/sbin/signpost && inside test -s /lib/systemd/system/signpost.service &&
		inside test -s /etc/logrotate.d/signpost && inside test -s /usr/share/bash-completion/completions/signpost &&
		inside test -s /usr/share/man/man8/signpost.8.gz && inside test -s /usr/share/man/man5/rules.yaml.5.gz &&
		inside test -s /usr/share/doc/signpost/examples/first.yaml && ! grep -r usr/local "$root/usr/share/doc/signpost" &&
		! zgrep usr/local "$root"/usr/share/man/man[58]/{signpost,rules}*
}

secret_is() { # OWNER:GROUP MODE
	[ "$(inside stat -c '%U:%G %a' /etc/signpost/secret.key)" = "$1 $2" ] && [ "$(inside stat -c %s /etc/signpost/secret.key)" -ge 32 ]
}

as_user() {
	inside setpriv --reuid signpost --regid signpost --init-groups "$@"
}

serve() { # ...COMMAND that runs it
	"$@" signpost serve -c /etc/signpost/signpost.yaml 2>"$work/log" &
	job=$!
	for _ in $(seq 100); do
		inside signpost ping --timeout 100 127.0.0.1 >/dev/null 2>&1 && server=$(pgrep -x signpost) && return
		kill -0 $job || { cat "$work/log"; return 1; }
	done
	cat "$work/log"
	return 1
}

calls() { # NUMBER STATUS: an INVITE by hand
	python3 - "$1" "$2" <<-'PY'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", 5060), 5)
	s.sendall((f"INVITE sip:{sys.argv[1]}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
	           f"To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n").encode())
	status = s.recv(65536).split()[1].decode()
	sys.exit(0 if status == sys.argv[2] else f"{status}, not {sys.argv[2]}")
	PY
}

reload() {
	echo 'default: {reject: 486}' >>"$root/etc/signpost/rules.yaml" &&
		sed -i '/^default: {reject: 404}/d' "$root/etc/signpost/rules.yaml" && kill -HUP "$server" || return
	for _ in $(seq 100); do
		grep -q reloaded "$work/log" && return
		sleep 0.1
	done
	cat "$work/log"
	return 1
}

stops() {
	kill -TERM "$server" && wait "$job"
}

# The next version, from the one that there is.
upgrade() {
	dpkg-deb -R "$deb" "$work/next" && sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control" &&
		echo "# another comment" >>"$work/next/etc/signpost/signpost.yaml" &&
		dpkg-deb --root-owner-group -b "$work/next" "$root/next.deb" &&
		inside sha256sum /etc/signpost/secret.key >"$work/sum" &&
		inside dpkg --force-confold -i /next.deb && inside sha256sum /etc/signpost/secret.key | cmp - "$work/sum" &&
		inside dpkg -s signpost | grep -q '^Version: .*+next$'
}

kept() {
	inside test -s /etc/signpost/rules.yaml && inside test -s /etc/signpost/secret.key && ! inside test -e /usr/sbin/signpost
}

nothing_left() {
	files >"$work/after"
	diff "$work/before" "$work/after"
}

# systemd looks for what the unit starts.
verify() {
	dpkg-deb -x "$deb" "$work/unpacked" && sed -i "s|/usr/sbin/signpost|$work/unpacked/usr/sbin/signpost|" \
		"$work"/unpacked/lib/systemd/system/*.service &&
		systemd-analyze verify --man=no --recursive-errors=no "$work"/unpacked/lib/systemd/system/signpost.* >"$work/verify" 2>&1
	cat "$work/verify"
	! [ -s "$work/verify" ]
}

if [ "$1" = prepare ]; then
	ok "the unit is one" verify
	ok "a bare Debian 12" machine
	ok "what the package needs" depends
	ok "an upgrade leaves the socket open" sh -c "! dpkg-deb --info '$deb' preinst 2>/dev/null | grep -q 'stop.*signpost.socket'"
	ok "the package is installed" inside apt-get -qq -y --no-install-recommends install /signpost.deb
	[ $failed = 0 ] && PASSED=$passed exec unshare --net tests/deb.sh run "$work"
	sum_up
	exit
fi

ip link set lo up
ok "all files are where they belong" contents
ok "the secret is for root and the server only" secret_is root:signpost 640
ok "the settings have no findings" as_user signpost check -c /etc/signpost/signpost.yaml
ok "it starts as the user" serve as_user
ok "a call is answered" calls 5551 302
ok "a number of no rule gets 404" calls 1 404
ok "HUP reloads" reload
ok "and the new table answers" calls 1 486
ok "TERM stops it" stops
ok "it starts as root, and becomes the user" serve inside
ok "nothing of it is root's" sh -c "! ps -o user= -p $server | grep -q root"
ok "TERM stops it too" stops
ok "logrotate takes the configuration" inside logrotate -d /etc/logrotate.d/signpost
ok "upgraded, with the settings and the secret that were there" upgrade
ok "it still starts" serve inside
ok "with its table" calls 1 486
ok "and stops" stops
ok "removed" inside dpkg -r signpost
ok "what was configured stays" kept
ok "purged" inside dpkg -P signpost
ok "nothing is left" nothing_left
sum_up
