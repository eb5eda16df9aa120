/* SPDX-License-Identifier: MIT */
#include "server/trust/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIND_LOW_PORTS (1u << CAP_NET_BIND_SERVICE)
#define BIG_BUFFERS    (1u << CAP_NET_ADMIN)

/* Set by privilege_lower(), when there was one thread: root has become somebody else. */
static bool lowered;

bool privilege_is_root(void)
{
	return geteuid() == 0;
}

/* Of the calling thread. All that are ever kept have numbers below 32. */
static bool keep_capabilities(unsigned kept)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{kept, kept, 0}};
	return syscall(SYS_capset, &header, sets) == 0;
}

static bool refuse(struct diags *diags, struct position position, const char *what,
                   const char *name, int error)
{
	diags_add(diags, SEVERITY_ERROR, position, NULL, "%s \"%s\"%s%s", what, name,
	          error ? ": " : "", error ? strerror(error) : "");
	return false;
}

static bool find_group(const struct account *account, gid_t *group, struct diags *diags)
{
	errno = 0;
	const struct group *entry =
		account->group.len ? getgrnam(account->group.at) : NULL;
	if (account->group.len && !entry)
		return refuse(diags, account->group_at, "no group is called",
		              account->group.at, errno == ENOENT ? 0 : errno);
	if (entry)
		*group = entry->gr_gid;
	return true;
}

/* Root cannot come back: that is tried. */
static bool is_changed(uid_t user, gid_t group)
{
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;
	return getresuid(&real, &effective, &saved) == 0 &&
	       getresgid(&real_group, &effective_group, &saved_group) == 0 &&
	       real == user && effective == user && saved == user &&
	       real_group == group && effective_group == group && saved_group == group &&
	       setuid(0) < 0 && setgid(0) < 0;
}

static bool change(const char *name, uid_t user, gid_t group)
{
	if (initgroups(name, group) < 0 || setresgid(group, group, group) < 0 ||
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setresuid(user, user, user) < 0)
		return false;
	/* A container may have been started without one of the two. */
	bool kept = keep_capabilities(BIND_LOW_PORTS | BIG_BUFFERS) ||
	            keep_capabilities(BIND_LOW_PORTS) || keep_capabilities(0);
	errno = EPERM;
	return kept && is_changed(user, group);
}

bool privilege_lower(const struct account *account, struct diags *diags)
{
	if (!account->user.len || !privilege_is_root())
		return true;
	errno = 0;
	const struct passwd *entry = getpwnam(account->user.at);
	if (!entry)
		return refuse(diags, account->user_at, "no user is called",
		              account->user.at, errno == ENOENT ? 0 : errno);
	uid_t user = entry->pw_uid;
	gid_t group = entry->pw_gid;
	if (!find_group(account, &group, diags))
		return false;
	if (user == 0)
		return true;
	if (!change(account->user.at, user, group))
		return refuse(diags, account->user_at, "cannot become user",
		              account->user.at, errno);
	lowered = true;
	return true;
}

bool privilege_fix(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

void privilege_renounce(void)
{
	keep_capabilities(0);
}

bool privilege_settle(bool low_ports)
{
	/* It may be that it has none to bind with: then it keeps none. */
	return !lowered || (low_ports && keep_capabilities(BIND_LOW_PORTS)) ||
	       keep_capabilities(0);
}
