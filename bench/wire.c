/* SPDX-License-Identifier: MIT */
/* wire TUN SPACE TUN2: a wire between the TUN device of this network namespace and one of the namespace SPACE
 * (/run/netns/SPACE), for kernels that have no netem. Each packet is delayed, and perhaps lost, by itself.
 * Lines on stdin, "DELAY_US LOSS_PERCENT", say how it is from then on, each way; "ok" is the answer. Ends with stdin.
 * A wire has no bound of speed but this machine's; what found no room in it is told on stderr, as that is no loss asked for. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PACKET = 1600, ROOM = 1 << 17, BURST = 64 };

typedef struct {
	int64_t due; /* ns, CLOCK_MONOTONIC */
	uint32_t size;
	uint8_t bytes[MAX_PACKET];
} Packet;

typedef struct {
	int from, to;
	uint64_t seed;
	Packet *packets; /* a ring of ROOM */
	uint64_t n_in, n_out, n_no_room;
} Way;

static _Atomic int64_t delay_ns;
static _Atomic uint64_t loss; /* of 2^32 */

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static bool is_lost(Way *way)
{
	way->seed ^= way->seed << 13;
	way->seed ^= way->seed >> 7;
	way->seed ^= way->seed << 17;
	return (way->seed >> 32) < loss;
}

/* What has come, at most a burst; false: nothing more for now. */
static bool take_in(Way *way)
{
	for (int n = 0; n < BURST; n++) {
		Packet *packet = &way->packets[way->n_in % ROOM];
		uint8_t nowhere[MAX_PACKET];
		bool has_room = way->n_in - way->n_out < ROOM;
		ssize_t size = read(way->from, has_room ? packet->bytes : nowhere, MAX_PACKET);

		if (size <= 0)
			return false;
		way->n_no_room += !has_room;
		if (!has_room || is_lost(way))
			continue;
		packet->size = (uint32_t)size;
		packet->due = now() + delay_ns;
		way->n_in++;
	}
	return true;
}

static void let_out(Way *way)
{
	int64_t time = now();

	while (way->n_out != way->n_in && way->packets[way->n_out % ROOM].due <= time) {
		const Packet *packet = &way->packets[way->n_out % ROOM];

		if (write(way->to, packet->bytes, packet->size) < 0 && errno != EIO)
			way->n_no_room++; /* EIO: that end is not up */
		way->n_out++;
	}
}

static void *carry(void *argument)
{
	Way *way = argument;
	uint64_t told = 0;

	for (;;) {
		struct pollfd in = { .fd = way->from, .events = POLLIN };
		struct timespec wait = { 1, 0 };

		if (take_in(way)) {
			let_out(way);
			continue;
		}
		let_out(way);
		if (way->n_no_room != told)
			fprintf(stderr, "wire: %llu packets found no room\n",
			        (unsigned long long)(told = way->n_no_room));
		if (way->n_out != way->n_in) {
			int64_t left = way->packets[way->n_out % ROOM].due - now();

			wait = (struct timespec){ left > 0 ? left / 1000000000 : 0,
				                  left > 0 ? left % 1000000000 : 0 };
		}
		ppoll(&in, 1, &wait, NULL);
	}
	return NULL;
}

static int open_tun(const char *name)
{
	struct ifreq wish = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(wish.ifr_name, sizeof wish.ifr_name, "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &wish) < 0) {
		fprintf(stderr, "wire: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

static void enter(const char *space)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "/run/netns/%s", space);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
		fprintf(stderr, "wire: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	close(fd);
}

static void start(Way *way, int from, int to, uint64_t seed)
{
	pthread_t thread;

	*way = (Way){ .from = from, .to = to, .seed = seed };
	way->packets = mmap(NULL, sizeof(Packet) * ROOM, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (way->packets == MAP_FAILED || pthread_create(&thread, NULL, carry, way)) {
		fprintf(stderr, "wire: no memory or thread\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static Way there, back;
	long long delay;
	double percent;
	int ours, theirs;

	if (argc != 4) {
		fprintf(stderr, "usage: wire TUN SPACE TUN2\n");
		return 2;
	}
	ours = open_tun(argv[1]);
	enter(argv[2]);
	theirs = open_tun(argv[3]);
	start(&there, ours, theirs, 88172645463325252);
	start(&back, theirs, ours, 2463534242);
	while (scanf("%lld %lf", &delay, &percent) == 2) {
		delay_ns = delay * 1000;
		loss = (uint64_t)(percent / 100 * 4294967296.0);
		printf("ok\n");
		fflush(stdout);
	}
	return 0;
}
