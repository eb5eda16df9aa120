#!/bin/bash
# container.sh - builds the container image for real and puts it to the test, with buildah and podman.
#
# Needs root and the packages of `make deps-container`, no Docker engine and no image registry: the base
# image is made by debootstrap. It works in namespaces of its own, so whatever happens no process, mount
# or listener outlives it, and port 5060 is free.
set -u
cd "$(dirname "$0")/.." || exit 1

case ${1:-} in
'')
	[ "$(id -u)" = 0 ] || { echo "container.sh: must be root" >&2; exit 1; }
	work=$(mktemp -d)
	trap 'rm -rf --one-file-system "$work"' EXIT
	unshare --mount --pid --fork --kill-child --mount-proc tests/container.sh build "$work"
	exit
	;;
build) next=(unshare --net tests/container.sh run "$2") ;;
run) ip link set lo up ;;
esac
trap 'exit 1' INT TERM
work=$2
image=localhost/signpost
storage=(--root "$work/store" --runroot "$work/run" --storage-driver overlay)
export BUILDAH_ISOLATION=chroot

podman() {
	command podman "${storage[@]}" --tmpdir "$work/tmp" --runtime /usr/sbin/runc \
		--cgroup-manager cgroupfs --events-backend file "$@"
}

# The base image, and ours on top of it. Only this part has a network.
build() {
	tests/bookworm.sh "$work/root" && tar -C "$work/root" -cf "$work/base.tar" . || return
	local c
	c=$(buildah "${storage[@]}" from scratch) &&
		buildah "${storage[@]}" add --quiet "$c" "$work/base.tar" / &&
		buildah "${storage[@]}" config --cmd bash \
			--env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$c" &&
		buildah "${storage[@]}" commit --quiet --rm "$c" localhost/debian:bookworm-slim &&
		buildah "${storage[@]}" bud --format docker --pull-never --network host -t "$image" . || return
	rm -rf --one-file-system "$work/root" "$work/base.tar"
}

if [ "$1" = build ]; then
	if ! build >"$work/log" 2>&1; then
		tail -n 40 "$work/log"
		echo "not ok - the image builds"
		echo "0 passed, 1 failed"
		exit 1
	fi
	echo "ok - the image builds"
	exec "${next[@]}"
fi

PASSED=1 # the image has been built
# shellcheck source=tests/checks.sh
. tests/checks.sh
show_more() {
	podman logs --tail 20 signpost 2>&1 | sed 's/^/    log: /'
}

# eventually COMMAND...: tries for ten seconds.
eventually() {
	local end=$((SECONDS + 10))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# start [PODMAN OPTION...]: the container, answering its health check within ten seconds.
start() {
	podman run -d --name signpost --network host --log-driver k8s-file \
		--ulimit nofile=1024:4096 --ulimit nproc=1024:1024 "$@" "$image" || return
	eventually podman exec signpost signpost ping "udp:127.0.0.1:$port"
}

# A TERM stops it at once and cleanly: podman would send KILL after ten seconds, and that is 137.
stops() {
	podman stop -t 10 signpost && [ "$(podman inspect -f '{{.State.ExitCode}}' signpost)" = 0 ] && podman rm signpost
}

cat >"$work/call.py" <<'PY'
import re, socket, sys
transport, port, number = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
s.settimeout(5)
s.connect(("127.0.0.1", port))
me = "%s:%d" % s.getsockname()
s.sendall((f"INVITE sip:{number}@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/{transport.upper()} {me};branch=z9hG4bK1;rport\r\n"
           f"Max-Forwards: 70\r\nFrom: <sip:test@{me}>;tag=1\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: {me}\r\n"
           f"CSeq: 1 INVITE\r\nContact: <sip:test@{me}>\r\nContent-Length: 0\r\n\r\n").encode())
reply = ""
while "\r\n\r\n" not in reply:
    reply += s.recv(65536).decode() or sys.exit("connection closed")
print(reply, file=sys.stderr)
contact = re.search(r"^Contact: *<([^>]*)>", reply, re.M)
print(reply.split()[1], *contact.groups() if contact else [])
PY

# answers TRANSPORT NUMBER "302 sip:..."
answers() {
	local reply
	reply=$(python3 "$work/call.py" "$1" "$port" "$2") || return
	echo "expected $3, got $reply"
	[ "$reply" = "$3" ]
}

not_root() {
	local pid
	pid=$(podman inspect -f '{{.State.Pid}}' signpost) && grep '^[UG]id:' "/proc/$pid/status" >"$work/uid" || return
	cat "$work/uid"
	! grep -qw 0 "$work/uid"
}

no_capabilities() {
	local pid
	pid=$(podman inspect -f '{{.State.Pid}}' signpost) && grep '^Cap\|^NoNewPrivs' "/proc/$pid/status" >"$work/caps" || return
	cat "$work/caps"
	! grep '^Cap' "$work/caps" | grep -v '\s0*$' && grep -q '^NoNewPrivs:\s1$' "$work/caps"
}

writes_nothing() {
	! podman exec signpost sh -c 'echo >/usr/local/x || echo >/etc/signpost/x || echo >/run/x'
}

# What is added to the base image, in bytes.
grows_by_less_than() {
	local base size
	base=$(podman image inspect -f '{{.Size}}' localhost/debian:bookworm-slim) &&
		size=$(podman image inspect -f '{{.Size}}' "$image") || return
	echo "size: $((size / 1000000)) MB, of which $(((size - base) / 1000000)) MB are added to the base image" | tee "$work/size"
	[ $((size - base)) -lt "$1" ]
}

# A routing table that sends every call to the host $1. It needs the time zones.
table() {
	printf 'zone: Europe/London\nrules:\n  - {name: all, redirect: "sip:%s"}\n' "$1" >"$conf/new"
	mv "$conf/new" "$conf/rules.yaml"
}

logged() {
	podman logs signpost 2>&1 | grep -q "$1"
}

port=5060
ok "the image adds little to its base" grows_by_less_than 40000000
sed 's/^/    /' "$work/size"
ok "starts with nothing mounted" start
ok "a call over UDP is redirected" answers udp 5551212 "302 sip:5551212@gateway.example.net"
ok "a call over TCP is redirected" answers tcp 5551212 "302 sip:5551212@gateway.example.net"
ok "a call that no rule matches gets 404" answers udp 112 404
ok "the health check is healthy" podman healthcheck run signpost
ok "is not root" not_root
ok "TERM stops it with exit code 0" stops

conf=$work/conf
mkdir "$conf"
chmod 755 "$work" "$conf"
locked=(--read-only --cap-drop all --security-opt no-new-privileges -v "$conf:/etc/signpost:ro")
table one.example.net
ok "starts read-only, without capabilities, on a mounted table" start "${locked[@]}"
ok "the mounted table answers" answers udp 100 "302 sip:100@one.example.net"
ok "the health check is healthy there too" podman healthcheck run signpost
ok "has no capabilities, and gets none" no_capabilities
ok "can write nowhere" writes_nothing
table two.example.net
ok "HUP is delivered" podman kill -s HUP signpost
ok "the changed table answers" eventually answers udp 100 "302 sip:100@two.example.net"
echo 'rules: [' >"$conf/rules.yaml"
ok "HUP on a broken table is delivered" podman kill -s HUP signpost
ok "the log says that the reload failed" eventually logged "reload failed"
ok "the table in force stays" answers tcp 100 "302 sip:100@two.example.net"
ok "TERM stops it with exit code 0 again" stops

port=5070
table three.example.net
sed "s/:5060/:$port/g" deploy/container/signpost.yaml >"$conf/signpost.yaml"
ok "starts with settings of one's own" start "${locked[@]}"
ok "answers where they say" answers udp 100 "302 sip:100@three.example.net"
ok "runs other commands" podman run --rm --network host --ulimit nofile=1024:4096 --ulimit nproc=1024:1024 \
	"${locked[@]}" "$image" check -c /etc/signpost/signpost.yaml
ok "stops" stops

sum_up
