/* SPDX-License-Identifier: MIT */
#include "server/operations/exposition.h"

#include "server/operations/operations.h"

static void write_family(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_gauge(FILE *to, const char *name, const char *help, double value)
{
	write_family(to, name, "gauge", help);
	fprintf(to, "%s %.17g\n", name, value);
}

static void write_table(FILE *to, const struct table *table)
{
	struct table_counts counts = table_counts(table);
	write_gauge(to, "signpost_table_rules", "Rules of the table in force.",
	            (double)counts.rules);
	write_gauge(to, "signpost_table_gateways", "Gateways of the table in force.",
	            (double)counts.gateways);
}

void exposition_write(const struct operations *operations, FILE *to)
{
	const struct configuration *configuration =
		snapshot_acquire(operations->snapshot);
	write_table(to, configuration->table);
	snapshot_release(operations->snapshot, configuration);
}
