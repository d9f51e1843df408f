#include "net/http_client.hpp"
#include "net/http_server.hpp"
