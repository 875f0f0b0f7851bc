# Sourced by scripts/test, scripts/demo, scripts/campaign and scripts/setup: everything a fresh machine needs.
# Needs bash, git, Python >= 3.11 and the package registries; nothing else. Makes .venv (the whole workspace, pinned,
# every member editable) and, when there is no uv, .tools (uv alone). Writes nowhere else, except apt-get as root.
# shellcheck shell=bash

set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "$ROOT"

# What the caller's shell has switched on must not reach our environments.
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME CONDA_PREFIX
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
# Most tests and the demo start many short Python processes: byte code is compiled once, at installation. A shell that
# forbids byte code would make each of them compile our own sources again.
export UV_COMPILE_BYTECODE=1
unset PYTHONDONTWRITEBYTECODE

NOT_RUN=()      # what preflight found missing: printed again at the end
MIN_UV="0.9"    # the uv_build series our packages name

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

STAGE_TIMES=()
note_time() { # NAME START-SECOND [REMARK]
  local seconds="$((SECONDS - $2))"
  STAGE_TIMES+=("$(printf '%5d s  %s%s' "$seconds" "$1" "${3:-}")")
  say "    $1: $seconds s${3:-}"
}

# stage NAME COMMAND...: one step of the set-up, timed. errexit stays on inside: a step that fails ends the script.
stage() {
  local name="$1" start="$SECONDS"
  shift
  say "==> $name"
  "$@"
  note_time "$name" "$start"
}

# Python >= 3.11, by trying each candidate: a version manager's shim may exist and still not run.
find_python() {
  local candidate
  for candidate in "${CREATORFLOW_PYTHON:-}" python3.11 python3.12 python3.13 python3 python; do
    [ -n "$candidate" ] || continue
    if PYTHON="$("$candidate" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' 2>/dev/null)"; then
      return 0
    fi
  done
  die "no Python 3.11 or newer found (tried python3.11, python3.12, python3.13, python3, python). Install one (Debian, Ubuntu: apt-get install python3 python3-venv) or name it: CREATORFLOW_PYTHON=/path/to/python scripts/test"
}

uv_is_usable() {
  [ -n "$1" ] || return 1
  "$1" --version 2>/dev/null | "$PYTHON" -c '
import re, sys
found = re.match(r"uv (\d+)\.(\d+)", sys.stdin.read())
wanted = tuple(int(part) for part in sys.argv[1].split("."))
sys.exit(0 if found and tuple(map(int, found.groups())) >= wanted else 1)' "$MIN_UV"
}

# uv: the one on PATH, else ours, else through pip: into a venv of its own (a system Python may be "externally managed",
# PEP 668), or where the venv module is not packaged into a plain folder (pip's --target is allowed there).
find_uv() {
  local candidate
  for candidate in "$(command -v uv || true)" .venv/bin/uv .tools/venv/bin/uv .tools/pip/bin/uv; do
    if uv_is_usable "$candidate"; then
      UV="$candidate"
      case "$UV" in /*) ;; *) UV="$ROOT/$UV" ;; esac
      return 0
    fi
  done
  say "    uv is missing or older than $MIN_UV: installing it with pip into .tools"
  local pip_args=(install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/uv.txt)
  mkdir -p .tools
  if "$PYTHON" -m venv --clear .tools/venv >.tools/venv.log 2>&1 && .tools/venv/bin/python -m pip "${pip_args[@]}"; then
    UV="$ROOT/.tools/venv/bin/uv"
  elif "$PYTHON" -m pip --version >/dev/null 2>&1 && "$PYTHON" -m pip "${pip_args[@]}" --target .tools/pip --upgrade; then
    UV="$ROOT/.tools/pip/bin/uv"
  elif can_apt && apt_install python3-venv && "$PYTHON" -m venv --clear .tools/venv && .tools/venv/bin/python -m pip "${pip_args[@]}"; then
    UV="$ROOT/.tools/venv/bin/uv"
  else
    die "uv cannot be installed: $PYTHON has neither a working venv nor pip, or the package registry did not answer. Install uv yourself, or (Debian, Ubuntu) run: apt-get install python3-venv python3-pip"
  fi
  uv_is_usable "$UV" || die "the uv that pip installed does not run: $UV"
}

can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

APT_UPDATED=""
apt_install() {
  if [ -z "$APT_UPDATED" ]; then
    apt-get -qq update </dev/null >/dev/null 2>&1 || true
    APT_UPDATED=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" </dev/null >/dev/null 2>&1
}

# want WHAT-FOR PACKAGE CHECK...: one thing that needs root. Installed when we may, else named; never fatal.
want() {
  local purpose="$1" package="$2"
  shift 2
  if "$@"; then return 0; fi
  if can_apt; then
    say "    installing $package ($purpose)"
    if apt_install "$package" && "$@"; then return 0; fi
    say "    apt-get could not install $package"
  fi
  local line="$purpose: needs $package, which needs root. Run: apt-get install -y $package"
  NOT_RUN+=("$line")
  say "    missing: $line"
}

has_strace() { strace -qq -e trace=none -o /dev/null true 2>/dev/null; }

has_secret_service() { command -v dbus-run-session >/dev/null && command -v gnome-keyring-daemon >/dev/null; }

# A font with Chinese glyphs: asked of fontconfig where there is one, else looked for in the usual folders.
has_cjk_font() {
  if command -v fc-list >/dev/null 2>&1; then
    [ -n "$(fc-list :lang=zh-cn file 2>/dev/null | head -n 1)" ]
    return
  fi
  local folders=() folder
  for folder in /usr/share/fonts /usr/local/share/fonts "${HOME:-}/.local/share/fonts" /System/Library/Fonts; do
    if [ -d "$folder" ]; then folders+=("$folder"); fi
  done
  [ "${#folders[@]}" != 0 ] || return 1
  [ -n "$(find "${folders[@]}" -iregex '.*\(wqy\|cjk\|sourcehan\|pingfang\|uming\|ukai\|droidsansfallback\).*\.\(tt[cf]\|ot[cf]\)' -print -quit 2>/dev/null)" ]
}

preflight() {
  command -v git >/dev/null 2>&1 || die "git is missing. Install it (Debian, Ubuntu: apt-get install git)."
  find_python
  say "    Python $("$PYTHON" -c 'import platform; print(platform.python_version())') ($PYTHON)"
  find_uv
  say "    $("$UV" --version)"
  want "drawing the demo's own pictures again" fonts-wqy-microhei has_cjk_font
  if [ "${1:-}" = campaign ]; then
    want "the crash campaign (kills at every write)" strace has_strace
    want "the vault's tests over a real Secret Service" gnome-keyring has_secret_service
  fi
}

# The whole workspace at the pinned versions. Hashes are demanded of everything that comes from outside; our own
# packages are editable. `sync` makes an old .venv exact: what is no longer declared goes.
install_workspace() {
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    rm -rf .venv
    "$UV" venv --quiet --python "$PYTHON" .venv
  fi
  "$UV" pip install --quiet --python .venv/bin/python --require-hashes -r requirements/dev.txt
  local members=.venv/members.txt member
  : >"$members"
  for member in core testkit plugins/*/; do
    if [ -f "$member/pyproject.toml" ]; then printf -- '-e file://%s/%s\n' "$ROOT" "${member%/}" >>"$members"; fi
  done
  "$UV" pip sync --quiet --python .venv/bin/python requirements/dev.txt "$members"
}

print_not_run() {
  local line
  for line in ${NOT_RUN[@]+"${NOT_RUN[@]}"}; do say "not run: $line"; done
}
