/* A C program that calls a Homa server (homa serve, kv_server). Usage: client HOST:PORT TEXT */
#include <homa/homa.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  struct homa_address server;
  struct homa_message response;
  struct homa_host_config config = {.size = sizeof(config), .udp_port = -1};
  int status = 1;

  if (argc != 3) {
    fprintf(stderr, "usage: client HOST:PORT TEXT\n");
    return 2;
  }
  if (homa_parse_address(argv[1], &server) < 0) {
    fprintf(stderr, "client: %s\n", homa_last_error());
    return 2;
  }
  homa_host* host = homa_host_open(&config, NULL);
  homa_socket_t* socket = host != NULL ? homa_socket(host, 0, NULL) : NULL;
  if (socket == NULL ||
      homa_invoke(socket, argv[2], strlen(argv[2]), &server, 5000000, &response) < 0) {
    fprintf(stderr, "client: %s\n", homa_last_error());
  } else {
    printf("%.*s\n", (int)response.length, (const char*)response.data);
    homa_release(&response);
    status = 0;
  }
  homa_close(socket);
  if (host != NULL) homa_host_close(host);
  return status;
}
