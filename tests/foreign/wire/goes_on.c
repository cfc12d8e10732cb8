// Goes on with a connection that another program began: 200 messages each way, then ends.
// usage: goes_on FD SENT RECEIVED LOG
#define WIRE_OWN_MAIN
#include "case.h"

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    struct end me = {atoi(argv[1]), 1, -1, atoi(argv[4]), {1, strtoull(argv[2], NULL, 10)}, {2, strtoull(argv[3], NULL, 10)}, 0};
    say(&me, "the program goes on");
    for (int i = 0; i < 200; i++) { take(&me, 1000); put(&me, 1000); }
    say(&me, "done");
    return 0;
}
