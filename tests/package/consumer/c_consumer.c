/* A request and its response within one process, in C. */
#include <homa/homa.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  struct homa_host_config config;
  struct homa_address server;
  struct homa_message request, response;
  char text[80];
  uint64_t id = 0;

  memset(&config, 0, sizeof(config));
  config.size = sizeof(config);
  config.address = "127.0.0.1";
  config.udp_port = -1;
  config.parameters = "timeout_ticks=2000 unscheduled_bytes=20k";
  homa_host* host = homa_host_open(&config, NULL);
  if (host == NULL) {
    fprintf(stderr, "%s\n", homa_last_error());
    return 1;
  }
  homa_socket_t* serving = homa_socket(host, 4000, NULL);
  homa_socket_t* calling = homa_socket(host, 0, NULL);
  if (serving == NULL || calling == NULL || homa_port(serving) != 4000) return 2;
  if (homa_host_address(host, text, sizeof(text) - 8) < 0) return 3;
  strcat(text, ":4000");
  if (homa_parse_address(text, &server) < 0) return 4;

  if (homa_recv(calling, 0, 0, &response) != -HOMA_EWOULDBLOCK) return 5;
  if (homa_send(calling, "question", 8, &server, &id, 42, HOMA_PRIVATE) < 0) return 6;
  if (homa_recv(serving, 0, 5000000, &request) < 0 || request.kind != HOMA_REQUEST) return 7;
  if (request.length != 8 || memcmp(request.data, "question", 8) != 0) return 8;
  if (homa_reply(serving, "answer", 6, request.id) < 0) return 9;
  homa_release(&request);
  if (homa_recv(calling, id, 5000000, &response) < 0 || response.kind != HOMA_RESPONSE) return 10;
  if (response.cookie != 42 || memcmp(response.data, "answer", 6) != 0) return 11;
  homa_release(&response);
  homa_release(&response);

  /* A host that has just started answers for ports that were never open after half a second. */
  server.port = 4001;
  if (homa_invoke(calling, "x", 1, &server, 5000000, &response) != -HOMA_ENOSOCKET) return 12;
  if (strcmp(homa_strerror(-HOMA_ETIMEOUT), "timeout") != 0) return 13;
  if (homa_abort(calling, 0, 0) != 0 || homa_poll_fd(calling) < 0) return 14;
  homa_close(calling);
  homa_close(serving);
  homa_host_close(host);
  return 0;
}
