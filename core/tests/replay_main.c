// SPDX-License-Identifier: BSD-3-Clause
/* Runs a fuzz target over the files of the folders it is given, without a fuzzer: the corpus is an
 * ordinary test, with any compiler and sanitizer. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool replay_file(const char *path)
{
	static uint8_t data[ROOM];
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t n;

	if (!f)
		return false;
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	exact = malloc(n ? n : 1); /* so that a sanitizer sees the end */
	if (!exact)
		abort();
	for (size_t i = 0; i < n; i++)
		exact[i] = data[i];
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return true;
}

int main(int argc, char **argv)
{
	unsigned n = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *e;

		while (dir && (e = readdir(dir))) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			if (e->d_name[0] == '.')
				continue;
			printf("%s\n", path); /* the last one named is the one that failed */
			fflush(stdout);
			n += replay_file(path);
		}
		if (dir)
			closedir(dir);
	}
	printf("%u inputs\n", n);
	return n ? 0 : 1;
}
