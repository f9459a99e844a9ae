# SPDX-License-Identifier: MIT
export HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset HISTFILE
PS1='demo# '
cd /root || true
