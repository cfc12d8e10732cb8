#!/bin/bash
# usage: run.sh VENV     Drives the binary named by POGSON_BIN beside the field's own programs, through pytest.
# Python packages go into VENV; Debian packages are installed where that is possible. What may not be installed is skipped,
# and the reason printed.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${1:-target/foreign-venv}
[ -n "${POGSON_BIN:-}" ] || { echo "test-foreign: POGSON_BIN must name the binary (make test-foreign does it)" >&2; exit 2; }
[ -n "${POGSON_SHARED:-}" ] || export POGSON_SHARED="$PWD/../shared"

command -v python3 >/dev/null || tests/setup.sh apt python3 python3-venv || { echo "test-foreign: skipped, there is no python3"; exit 0; }

# Foreign programs: name of a command, and the Debian package that brings it. Their absence skips the tests that drive them.
while read -r command package; do
    command -v "$command" >/dev/null || [ -e "$command" ] && continue
    tests/setup.sh apt "$package" || echo "test-foreign: without $package, the tests that drive it are skipped"
done <<'LIST'
mProjExec montage
SWarp swarp
source-extractor source-extractor
fpack libcfitsio-bin
h5dump hdf5-tools
qemu-aarch64 qemu-user
arm-linux-gnueabihf-gcc gcc-arm-linux-gnueabihf
/usr/arm-linux-gnueabihf/lib/libc.a libc6-dev-armhf-cross
x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-posix
/usr/lib/wine/wine64 wine64
boinc boinc-client
pg_lsclusters postgresql
mariadbd mariadb-server-core
mysqldump mariadb-client
openssl openssl
gcc gcc
musl-gcc musl-tools
redis-server redis-server
redis-benchmark redis-tools
nginx nginx-light
wrk wrk
curl curl
chromium chromium
chromedriver chromium-driver
/usr/sbin/logrotate logrotate
unshare util-linux
memcached memcached
iperf3 iperf3
NPtcp netpipe-tcp
sockperf sockperf
haproxy haproxy
nghttp nghttp2-client
mpicc libopenmpi-dev
mpirun openmpi-bin
go golang-go
javac openjdk-17-jdk-headless
/usr/share/java/aladin.jar aladin
node nodejs
strace strace
ss iproute2
nft nftables
qemu-system-x86_64 qemu-system-x86
busybox busybox-static
cpio cpio
strip binutils
/usr/lib/python3.11/test/test_socket.py libpython3.11-testsuite
/usr/lib/postgresql/15/lib/pgxs/src/test/regress/pg_regress postgresql-server-dev-15
LIST
compgen -G '/boot/vmlinuz-*' >/dev/null || tests/setup.sh apt linux-image-cloud-amd64 ||
    echo "test-foreign: without a kernel in /boot, the tests of virtual machines are skipped"

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    python3 -m venv "$venv" 2>/dev/null || { tests/setup.sh apt python3-venv && python3 -m venv --clear "$venv"; } ||
        { echo "test-foreign: skipped, no virtual environment can be made (python3-venv)"; exit 0; }
fi
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/foreign/requirements.txt; then
    echo "test-foreign: skipped, the Python packages of tests/foreign/requirements.txt cannot be installed here"
    exit 0
fi
exec "$venv/bin/python" -m pytest -q -rs tests/foreign "${@:2}"
