/* Load on a push listener: each connection pushes, waits for the answer, and pushes again.
 *
 *   push_load HOST PORT CONNECTIONS SECONDS get|json < "ADDRESS TOKEN" lines
 *
 * Connection number i comes from the address of line i, with its token, and counts its pushes, as one node does. Where
 * there are more connections than lines, lines are used again and no push is counted: two of a node would be retries of
 * each other. Prints one JSON object: answers by kind, seconds, latencies in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MOST_NODES = 512, MOST_CONNECTIONS = 4096, MOST_LATENCIES = 8000000, BUFFER = 4096 };

struct node {
    char address[64], token[128];
};

struct connection {
    int fd;
    unsigned seq;
    const struct node *node;
    uint64_t sent;
    size_t got;
    char answer[BUFFER];
};

static struct node nodes[MOST_NODES];
static struct connection connections[MOST_CONNECTIONS];
static uint32_t *latencies;
static size_t answers, refused, broken;
static int json, counted;
static unsigned run;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_us(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static void push(struct connection *c) {
    char request[2048], body[512] = "", number[64] = "";
    unsigned seq = ++c->seq;
    if (json)
        snprintf(body, sizeof body,
                 "{\"ram_mb\":%u,\"disk_pct\":%u.%u,\"cpu_pct\":%u.%u,\"db_size_mb\":12.25,\"db_integrity\":\"ok\","
                 "\"active_sessions\":%u,\"req_1h\":%u,\"err_1h\":%u,\"cert_days_remaining\":61,\"nix_gen\":42,"
                 "\"uptime_s\":%u}",
                 400 + seq % 90, 40 + seq % 20, seq % 10, seq % 100, seq % 7, seq % 13, 900 + seq % 250, seq % 3,
                 100000 + seq);
    if (counted)
        snprintf(number, sizeof number, "&seq=%u", seq);
    int length = snprintf(request, sizeof request,
                          "%s /api/push/%s?status=up&msg=OK&ping=%s&boot=run-%u&v=1.0.0&t=%ld.125 HTTP/1.1\r\n"
                          "Host: watch\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          json ? "POST" : "GET", c->node->token, number, run, (long)time(NULL), strlen(body), body);
    c->got = 0;
    c->sent = now_us();
    if (write(c->fd, request, length) != length)
        die("write");
}

/* Whether the answer is whole. */
static int whole(struct connection *c) {
    c->answer[c->got] = 0;
    char *end = strstr(c->answer, "\r\n\r\n");
    if (!end)
        return 0;
    char *field = strcasestr(c->answer, "content-length:");
    size_t length = field && field < end ? strtoul(field + 15, NULL, 10) : 0;
    return c->got >= (size_t)(end + 4 - c->answer) + length;
}

static void read_answer(struct connection *c) {
    ssize_t got = read(c->fd, c->answer + c->got, BUFFER - 1 - c->got);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        broken++;
        close(c->fd);
        return;
    }
    c->got += got;
    if (!whole(c))
        return;
    if (answers < MOST_LATENCIES)
        latencies[answers] = now_us() - c->sent;
    answers++;
    refused += c->answer[9] != '2';
    push(c);
}

static void open_connection(struct connection *c, const struct sockaddr_in *server, int poll) {
    struct sockaddr_in own = {.sin_family = AF_INET};
    int one = 1;
    inet_pton(AF_INET, c->node->address, &own.sin_addr);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(c->fd, (const struct sockaddr *)&own, sizeof own) || connect(c->fd, (const void *)server, sizeof *server))
        die("connect");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(size_t count, double share) {
    return count ? latencies[(size_t)((count - 1) * share)] : 0;
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    int most = atoi(argv[3]), known = 0, poll = epoll_create1(0);
    double seconds = atof(argv[4]);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &server.sin_addr);
    json = !strcmp(argv[5], "json");
    run = getpid();
    latencies = malloc(sizeof *latencies * MOST_LATENCIES);
    while (known < MOST_NODES && scanf("%63s %127s", nodes[known].address, nodes[known].token) == 2)
        known++;
    counted = most <= known;
    if (!known || most < 1 || most > MOST_CONNECTIONS)
        return 2;
    for (int i = 0; i < most; i++) {
        connections[i].node = &nodes[i % known];
        open_connection(&connections[i], &server, poll);
    }
    uint64_t start = now_us(), end = start + (uint64_t)(seconds * 1e6);
    for (int i = 0; i < most; i++)
        push(&connections[i]);
    while (now_us() < end && broken < (size_t)most) {
        struct epoll_event events[256];
        int ready = epoll_wait(poll, events, 256, 100);
        for (int i = 0; i < ready; i++)
            read_answer(events[i].data.ptr);
    }
    double took = (now_us() - start) / 1e6;
    size_t count = answers < MOST_LATENCIES ? answers : MOST_LATENCIES;
    qsort(latencies, count, sizeof *latencies, by_size);
    printf("{\"answers\": %zu, \"refused\": %zu, \"broken\": %zu, \"seconds\": %.3f, \"p50\": %u, \"p99\": %u, \"most\": %u}\n",
           answers, refused, broken, took, percentile(count, 0.5), percentile(count, 0.99), percentile(count, 1));
    return 0;
}
