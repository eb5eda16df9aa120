# One Makefile, no recursion into folders. `make help` lists the targets.
NAME    := signpost
RELEASE := 0.1.0
# The nearest tag, v0.1.0 or v0.1.0-12-gabcdef0-dirty, without its v; no tag or no git: RELEASE.
VERSION := $(patsubst v%,%,$(or $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null),$(RELEASE)))
PREFIX  ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man
DOCDIR  ?= $(PREFIX)/share/doc/$(NAME)
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

# MODE picks a variant. Each has its own build folder, so objects never mix.
MODE ?= release
B    := build/$(MODE)
# clang 14 knows no objects that link both ways, as LTO below wants them.
FLAGS_release := -O2 -D_FORTIFY_SOURCE=2 $(if $(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects)
FLAGS_debug   := -Og
FLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -fsanitize=thread
FLAGS_cover   := -O0 --coverage
FLAGS_fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
$(if $(FLAGS_$(MODE)),,$(error MODE=$(MODE): use release debug asan tsan cover or fuzz))
ifeq ($(MODE),fuzz)
CC := clang
endif

# Debian's names of what each kind of work needs. The targets that need them install what is missing.
PACKAGES_build     := gcc libc6-dev pkg-config libsofia-sip-ua-dev libyaml-dev libpcre2-dev libsodium-dev \
                      libevent-dev libssl-dev libseccomp-dev libc-ares-dev
PACKAGES_check     := check nsd python3 python3-yaml prometheus chromium logrotate sip-tester kamailio sipsak \
                      sipvicious iproute2 iptables util-linux openssl tzdata groff-base systemd
PACKAGES_lint      := clang clang-format-14 clang-tidy cppcheck python3 shellcheck
PACKAGES_fuzz      := clang
PACKAGES_valgrind  := valgrind libc6-dbg
PACKAGES_deb       := debhelper dpkg-dev fakeroot lintian systemd debootstrap util-linux python3
PACKAGES_container := debootstrap buildah podman runc iproute2 python3
WHY_build     := to build $(NAME)
WHY_check     := to test $(NAME) against real SIP peers
WHY_lint      := to look the sources over
WHY_fuzz      := to build the fuzzers
WHY_valgrind  := to run the tests under valgrind
WHY_deb       := to make and try the Debian package
WHY_container := to build and run the container without a Docker engine

# The caller's CFLAGS, CPPFLAGS and LDFLAGS come last, so packagers can override ours.
# -ffp-contract=off: a weighted choice must come out the same on every machine.
WERROR ?= -Werror
WARN   := -Wall -Wextra -Wno-missing-field-initializers -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
          -Wformat=2 -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE \
          $(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection)
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -I. -DVERSION='"$(VERSION)"' -g -fvisibility=hidden \
          -ffp-contract=off $(WARN) $(WERROR) $(HARDEN) $(FLAGS_$(MODE)) $(CPPFLAGS) $(CFLAGS) -MMD -MP
LINK    = $(CC) -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
          $(filter -fsanitize% --coverage,$(FLAGS_$(MODE))) $(LTO) $(LDFLAGS)
# Only the program is optimised as a whole; the many test programs link in no time without.
LTO     = -fno-lto

# $(call pkg,NAME...) is what pkg-config says, or the end. Asked only when something is compiled, and
# once: $(call once,X,VALUE) sets X at its first use. So help, clean and deps need nothing installed.
pkg  = $(or $(shell pkg-config --cflags --libs $1 2>/dev/null),$(error a library or a tool is missing ($1): \
         `make deps` installs what the build needs, `make deps-check` what the tests need))
once = $(eval $1 := $$2)$($1)
# -isystem: sofia's headers do not pass our warnings; our code must.
includes = $(patsubst -I%,-isystem %,$(filter -I% -D%,$1))
rules_pkg  = $(call once,rules_pkg,$(call pkg,yaml-0.1 libpcre2-8))
# libevent_extra and libevent_openssl are linked with libevent_core; -levent, which its .pc asks for, would be the same again.
server_pkg = $(call once,server_pkg,$(filter-out -levent,$(call pkg,sofia-sip-ua libsodium libevent_core libevent_extra libevent_openssl openssl libseccomp libcares)) -pthread)
check_pkg  = $(call once,check_pkg,$(call pkg,check) -pthread)
libraries = $(filter -l% -L% -pthread,$1)
RULES_LIBS  = $(call libraries,$(rules_pkg))
SERVER_LIBS = $(call libraries,$(server_pkg))
CHECK_LIBS  = $(call libraries,$(check_pkg))
# One short line for each file made; V=1 shows the commands.
SAY = $(if $(V),,@echo '  $(patsubst $B/%,%,$@)';)
# The targets that install packages go on in a make of their own, parallel unless told otherwise.
AGAIN = +@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# What a source may include follows from its path: only what has "server" in it sees sofia-sip.
INCLUDES = $(call includes,$(rules_pkg) $(if $(findstring server,$<),$(server_pkg)) \
           $(if $(filter tests/%_test.c tests/runner.c tests/rules_loading.c,$<),$(check_pkg)))

RULES  := $(patsubst %.c,$B/%.o,$(wildcard rules/*.c))
SERVER := $(patsubst %.c,$B/%.o,$(filter-out server/main.c,$(wildcard server/*.c server/*/*.c)))
# T='reload rules_%' selects tests/reload_test.py and the programs of rules/.
SELECT  = $(if $(T),$(filter $(foreach t,$(T),tests/$t_test.c tests/$t_test.py),$1),$1)
CHECKS := $(patsubst %.c,$B/%,$(call SELECT,$(wildcard tests/*_test.c)))
# Without a thread there is no race; rules/ has none.
ifeq ($(MODE)$T,tsan)
CHECKS := $(filter-out $B/tests/rules_%,$(CHECKS))
endif
PYTHON := $(call SELECT,$(wildcard tests/*_test.py))
FUZZ   := $(patsubst %,$B/tests/fuzz/%_fuzz,$(filter $(or $(F),%),$(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))))
BENCH  := $(addprefix $B/tests/bench/,load hold echo numbers lcr server_peers server_counting)
SOURCES = $(wildcard */*.[ch] */*/*.[ch])
SCRIPTS = .ci/run $(wildcard tests/*.sh deploy/*/*.sh deploy/debian/signpost.p* deploy/completion/*)

.PHONY: all deps deps-ci run check tests check-asan check-tsan check-valgrind bench measure soak soaking fuzz fuzzers lint format \
        deb deb-check container fresh install uninstall clean help
all: $B/$(NAME) ## build the server; MODE=release (default) debug asan tsan cover fuzz
# The release program is at build/signpost as well.
ifeq ($B,build/release)
all: build/$(NAME)
build/$(NAME): $B/$(NAME)
	@ln -f $< $@
endif

$B/$(NAME): LTO = $(filter -O% -flto%,$(FLAGS_$(MODE)))
$B/$(NAME): $B/server/main.o $B/libserver.a $B/librules.a
	$(SAY)$(LINK) -o $@ $^ $(SERVER_LIBS) $(RULES_LIBS)
$B/librules.a: $(RULES)
$B/libserver.a: $(SERVER)
%.a:
	@rm -f $@
	$(SAY)$(AR) rcs $@ $^
$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY)$(COMPILE) $(INCLUDES) -c -o $@ $<

# The assembler reads it, and says so to nobody.
$B/server/operations/page.o: server/operations/page.html

# Programs for rules/ link without sofia: the linker checks the layering.
$B/tests/rules_%_test: $B/tests/rules_%_test.o $B/tests/rules_loading.o $B/tests/runner.o $B/librules.a
	$(SAY)$(LINK) -o $@ $^ $(CHECK_LIBS) $(RULES_LIBS)
$B/tests/rules_reference_test: $B/tests/rules_reference.o $B/tests/rules_random.o $B/tests/rules_written.o
$B/tests/server_%_test: $B/tests/server_%_test.o $B/tests/runner.o $B/libserver.a $B/librules.a
	$(SAY)$(LINK) -o $@ $^ $(CHECK_LIBS) $(SERVER_LIBS) $(RULES_LIBS)
$B/tests/bench/load $B/tests/bench/hold: %: %.o $B/tests/bench/lane.o $B/tests/bench/invite.o
	$(SAY)$(LINK) -o $@ $^
$B/tests/bench/numbers $B/tests/bench/lcr: %: %.o $B/librules.a
	$(SAY)$(LINK) -o $@ $^ $(RULES_LIBS)
$B/tests/bench/echo: %: %.o
	$(SAY)$(LINK) -o $@ $^
$B/tests/bench/server_%: $B/tests/bench/server_%.o $B/libserver.a $B/librules.a
	$(SAY)$(LINK) -o $@ $^ $(SERVER_LIBS) $(RULES_LIBS)
$B/tests/fuzz/server_%_fuzz: $B/tests/fuzz/server_%_fuzz.o $B/libserver.a $B/librules.a
	$(SAY)$(LINK) -fsanitize=fuzzer -o $@ $^ $(SERVER_LIBS) $(RULES_LIBS)
# Those that read SIP messages have a mutator that knows what one is.
$(patsubst %,$B/tests/fuzz/server_%_fuzz,framing message quick stream): $B/tests/fuzz/sip_mutator.o
$B/tests/fuzz/%_fuzz: $B/tests/fuzz/%_fuzz.o $B/librules.a
	$(SAY)$(LINK) -fsanitize=fuzzer -o $@ $^ $(RULES_LIBS)

# deps-check and so on: one line for each of the PACKAGES_ above.
deps: deps-build ## install what the build needs (deps-check, deps-lint ...: for the rest)
deps-%:
	@tests/packages.sh "$(WHY_$*)" $(PACKAGES_$*)
deps-ci: deps-build deps-check deps-lint deps-deb deps-container

run: deps ## install what is missing, build, serve the example on 127.0.0.1:5060
	$(AGAIN) all
	$(if $(filter build/release,$B),build,$B)/$(NAME) serve -r rules/examples/first.yaml

# The tests are found and built in a make of their own, after the packages are there.
check: deps deps-check ## install what is missing, run the tests; some of them: make check T='reload rules_%'
	$(AGAIN) tests
tests: all $(CHECKS)
	@find $B -name '*.gcda' -delete
	@MODE=$(MODE) SIGNPOST=$(abspath $B/$(NAME)) python3 tests/run.py $(CHECKS) $(PYTHON)
	$(if $(filter cover,$(MODE)),@python3 tests/run.py --coverage $B)
check-asan check-tsan: check-%: ## the tests under a sanitizer
	$(AGAIN) MODE=$* check
# Those that need no speed, and whose server takes what peers, files and operators give it; T='...' picks others.
VALGRIND_TESTS := activation answers bounds cli conformance deck dialect digest drain expect hep hostile http import \
                  limits log metrics notify peers privilege probe reload route status stream torture
check-valgrind: deps deps-check deps-valgrind ## black-box tests under valgrind's memcheck; T='answers stream' picks others
	$(AGAIN) MODE=debug all
	@MODE=debug SIGNPOST=$(abspath tests/valgrind.sh) TIMEOUT_S=1800 \
		python3 tests/run.py $(filter %.py,$(patsubst %,tests/%_test.py,$(or $(T),$(VALGRIND_TESTS))))

# Settable: ROUNDS=5 SECONDS_PER_ROUND=3, BENCH_OPTIONS='--only udp' (see tests/bench/bench.py --help).
bench: deps deps-check ## install what is missing, measure against Kamailio (ROUNDS=, SECONDS_PER_ROUND=)
	$(AGAIN) measure
measure: all $(BENCH)
	@$B/tests/bench/server_peers
	@$B/tests/bench/server_counting
	@SIGNPOST=$(abspath $B/$(NAME)) python3 tests/bench/bench.py $(BENCH_OPTIONS) $(abspath $B/tests/bench)
soak: deps ## half of what it can answer and a reload every second, for MINUTES=30
	$(AGAIN) soaking
soaking: all $B/tests/bench/load
	@SIGNPOST=$(abspath $B/$(NAME)) python3 tests/bench/soak.py $B/tests/bench
# FUZZ_SECONDS=0: only build them. F='rules_% server_quick' selects; JOBS=1: one at a time.
FUZZ_SECONDS ?= 60
fuzzers: $(FUZZ)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) python3 tests/fuzz/run.py $(FUZZ)
ifeq ($(MODE),fuzz)
fuzz: fuzzers
else
fuzz: deps deps-fuzz ## build the fuzzers into build/fuzz and run each (FUZZ_SECONDS=60)
	$(AGAIN) MODE=fuzz fuzz
endif

# Each lint is a target of its own, so that `make -k lint` goes on after a failure.
LINTS := lint-layers lint-format lint-clang lint-c lint-analyzer lint-tidy lint-scripts
.PHONY: $(LINTS)
lint: $(LINTS) ## layering, format, clang, cppcheck, gcc -fanalyzer, clang-tidy, shellcheck
$(LINTS): deps-lint
lint-layers: # rules/ knows no SIP, sockets, threads, clock or randomness
	@! grep -nE 'sofia-sip|"server/|pthread|<(time|netdb|sys/(socket|time)|net/.*|netinet/.*)\.h>' rules/*.[ch]
	@! grep -nE '\<(time|clock_gettime|gettimeofday|s?rand|s?random|getrandom|randombytes_\w+)\(' rules/*.[ch]
lint-format:
	@clang-format-14 --dry-run -Werror $(SOURCES)
lint-clang: deps # clang's warnings are others than gcc's
	$(AGAIN) CC=clang B=build/clang build/clang/$(NAME)
lint-c: # uninitvar: does not see through a pointer; varFuncNullUB: our NULLs are pointers
	@cppcheck --quiet --std=c11 --language=c -j2 -I. --enable=warning,performance,portability \
		--inline-suppr --suppress=uninitvar --suppress=varFuncNullUB --error-exitcode=1 rules server
# gcc 12's analyzer does not know that a slice whose len is not 0 has an address (null-*), nor that an
# initializer sets all of a struct (use-of-uninitialized-value); valgrind and the sanitizers do.
ANALYZER := -fanalyzer -Wno-analyzer-null-dereference -Wno-analyzer-null-argument \
            -Wno-analyzer-use-of-uninitialized-value
lint-analyzer: deps # memory freed twice or never, descriptors left open, ...; the paths through each file
	$(AGAIN) CC=gcc B=build/analyzer FLAGS_release=-O1 CFLAGS="$(ANALYZER)" build/analyzer/librules.a build/analyzer/libserver.a
TIDY = -std=c11 -D_GNU_SOURCE -I. -DVERSION='"lint"' $(call includes,$(rules_pkg) $(server_pkg))
lint-tidy: deps # which checks, and which not and why: .clang-tidy
	@printf '%s\n' rules/*.c server/*.c server/*/*.c | xargs -n4 -P$$(nproc) \
		sh -c 'clang-tidy --quiet "$$@" -- $(subst ','\'',$(TIDY)) 2>/dev/null' _
lint-scripts:
	@shellcheck -x $(SCRIPTS)
	@PYTHONPYCACHEPREFIX=build/pycache python3 -m py_compile $(wildcard tests/*.py tests/*/*.py)
format: deps-lint ## rewrite the sources in house format
	clang-format-14 -i $(SOURCES)

container: deps-container ## build the container image and put it to the test (as root)
	@tests/container.sh
# A copy of the source with deploy/debian at its top, as Debian's tools want it. Versions of Debian have no dashes.
DEB := $(NAME)-$(shell echo '$(VERSION)' | sed 's/-/+/;s/-/./g')
deb: deps deps-deb ## build build/deb/signpost_VERSION_ARCH.deb
	@rm -rf build/deb && mkdir -p build/deb/$(DEB)
	@(git ls-files -z --cached --others --exclude-standard 2>/dev/null || find . -path ./build -prune -o -type f -print0) | \
		tar -c --null --ignore-failed-read -T - 2>/dev/null | tar -x -C build/deb/$(DEB)
	@mv build/deb/$(DEB)/deploy/debian build/deb/$(DEB)/debian
	@cd build/deb/$(DEB)/debian && sed -i 's/@BUILD@/$(subst $(eval) ,$(shell printf ', '),$(strip $(PACKAGES_build)))/' control && \
		sed 's/@VERSION@/$(DEB:$(NAME)-%=%)/; s/@DATE@/'"$$(date -R -u -d @$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)})"/ changelog.in >changelog
	cd build/deb/$(DEB) && DEB_BUILD_OPTIONS="parallel=$(shell nproc) $(DEB_BUILD_OPTIONS)" \
		env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b >../log 2>&1 || { tail -n 40 ../log; exit 1; }
	lintian --fail-on error,warning --info build/deb/*.changes
	@ls build/deb/*.deb
deb-check: deb ## install, start, upgrade, remove and purge the package in a bare Debian 12 (as root)
	@tests/deb.sh
fresh: deps-container ## try `make run` in a bare Debian 12 (as root); FULL=1: `make check` too
	@tests/fresh.sh

page = $(MANDIR)/man$(subst .,,$(suffix $1))/$(notdir $1)
install: all ## honours DESTDIR and PREFIX
	install -D -m 755 $B/$(NAME) $(DESTDIR)$(SBINDIR)/$(NAME)
	$(foreach m,$(wildcard man/*.[58]),install -D -m 644 $m $(DESTDIR)$(call page,$m); \
		sed -i 's|/usr/local/share/doc/$(NAME)|$(DOCDIR)|' $(DESTDIR)$(call page,$m);)
	install -D -m 644 deploy/completion/$(NAME) $(DESTDIR)$(COMPLETIONDIR)/$(NAME)
	$(foreach e,$(wildcard rules/examples/*.yaml rules/examples/*/*.yaml rules/examples/*/*.csv),install -D -m 644 $e $(DESTDIR)$(DOCDIR)/$(e:rules/%=%);)
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(SBINDIR)/$(NAME) $(foreach m,$(wildcard man/*.[58]),$(DESTDIR)$(call page,$m))
	rm -f $(DESTDIR)$(COMPLETIONDIR)/$(NAME)
	rm -rf $(DESTDIR)$(DOCDIR)
clean: ## remove build/
	rm -rf build
help: ## list the targets
	@grep -hE '^[a-z -]+:.*## ' Makefile | sed 's/:.*## /\t/; s/check-%//' | expand -t 24

.SECONDARY:
-include $(wildcard $B/*/*.d $B/*/*/*.d)
