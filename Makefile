# One Makefile, no recursion into folders. `make help` lists the targets.
NAME    := signpost
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
PREFIX  ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man

# MODE picks a variant. Each has its own build folder, so objects never mix.
MODE ?= release
B    := build/$(MODE)
FLAGS_release := -O2 -D_FORTIFY_SOURCE=2
FLAGS_debug   := -Og
FLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -fsanitize=thread
FLAGS_cover   := -O0 --coverage
FLAGS_fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined
$(if $(FLAGS_$(MODE)),,$(error MODE=$(MODE): use release debug asan tsan cover or fuzz))
ifeq ($(MODE),fuzz)
CC := clang
endif

# The caller's CFLAGS, CPPFLAGS and LDFLAGS come last, so packagers can override ours.
WERROR ?= -Werror
WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
          -Wformat=2 -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -I. -DVERSION='"$(VERSION)"' -g -fvisibility=hidden \
          $(WARN) $(WERROR) $(HARDEN) $(FLAGS_$(MODE)) $(CPPFLAGS) $(CFLAGS) -MMD -MP
LINK    = $(CC) -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
          $(filter -fsanitize% --coverage,$(FLAGS_$(MODE))) $(LDFLAGS)

# -isystem: sofia's headers do not pass our warnings; our code must.
SOFIA_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags sofia-sip-ua))
SOFIA_LIBS   := $(shell pkg-config --libs sofia-sip-ua) -pthread
# What rules/ needs, and what server/ needs besides.
RULES_LIBS   := $(shell pkg-config --libs yaml-0.1 libpcre2-8)
SERVER_LIBS  := $(SOFIA_LIBS) $(shell pkg-config --libs libsodium)
CHECK_LIBS    = $(shell pkg-config --libs check)

RULES  := $(patsubst %.c,$B/%.o,$(wildcard rules/*.c))
SERVER := $(patsubst %.c,$B/%.o,$(filter-out server/main.c,$(wildcard server/*.c)))
TESTS  := $(patsubst %.c,$B/%,$(wildcard tests/*_test.c))
FUZZ   := $(patsubst %.c,$B/%,$(wildcard tests/fuzz/*_fuzz.c))
BENCH  := $(patsubst %.c,$B/%,$(wildcard tests/bench/*_bench.c))

.PHONY: all check check-asan check-tsan run bench fuzz lint format install uninstall clean help
all: $B/$(NAME) ## build the server

$B/$(NAME): $B/server/main.o $B/libserver.a $B/librules.a
	$(LINK) -o $@ $^ $(SERVER_LIBS) $(RULES_LIBS)
$B/librules.a: $(RULES)
$B/libserver.a: $(SERVER)
%.a:
	@rm -f $@
	$(AR) rcs $@ $^
$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) $(if $(findstring server,$<),$(SOFIA_CFLAGS)) -c -o $@ $<

# Programs for rules/ link without sofia: the linker checks the layering.
$B/tests/rules_%_test: $B/tests/rules_%_test.o $B/tests/runner.o $B/librules.a
	$(LINK) -o $@ $^ $(CHECK_LIBS) $(RULES_LIBS)
$B/tests/server_%_test: $B/tests/server_%_test.o $B/tests/runner.o $B/libserver.a $B/librules.a
	$(LINK) -o $@ $^ $(CHECK_LIBS) $(SERVER_LIBS) $(RULES_LIBS)
$B/tests/bench/%_bench: $B/tests/bench/%_bench.o $B/librules.a
	$(LINK) -o $@ $^ $(RULES_LIBS)
$B/tests/fuzz/%_fuzz: $B/tests/fuzz/%_fuzz.o $B/librules.a
	$(LINK) -fsanitize=fuzzer -o $@ $^ $(RULES_LIBS)

check: $(TESTS) ## run the tests; one of them: make check T=rules_match
	@set -e; for t in $(if $(T),$B/tests/$(T)_test,$(TESTS)); do $$t; done
check-asan check-tsan: check-%: ## the tests under a sanitizer
	@$(MAKE) MODE=$* check
run: $B/$(NAME) ## serve the example configuration
	$< serve -c examples/$(NAME).yaml
bench: $(BENCH) ## measure lookups and loading
	@set -e; for b in $^; do $$b; done
ifeq ($(MODE),fuzz)
fuzz: $(FUZZ)
else
fuzz: ## build the fuzzers into build/fuzz
	@$(MAKE) MODE=fuzz fuzz
endif
lint: ## layering and format
	! grep -nE 'sofia-sip|"server/' rules/*.[ch]
	clang-format --dry-run -Werror $(wildcard */*.[ch] tests/*/*.[ch])
format: ## rewrite the sources in house format
	clang-format -i $(wildcard */*.[ch] tests/*/*.[ch])
install: all ## honours DESTDIR and PREFIX
	install -D -m 755 $B/$(NAME) $(DESTDIR)$(SBINDIR)/$(NAME)
	install -D -m 644 man/$(NAME).8 $(DESTDIR)$(MANDIR)/man8/$(NAME).8
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(SBINDIR)/$(NAME) $(DESTDIR)$(MANDIR)/man8/$(NAME).8
clean: ## remove build/
	rm -rf build
help: ## list the targets
	@grep -hE '^[a-z -]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 24

.SECONDARY:
-include $(wildcard $B/*/*.d $B/tests/*/*.d)
