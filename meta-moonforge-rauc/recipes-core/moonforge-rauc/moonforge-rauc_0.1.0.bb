# SPDX-License-Identifier: MIT

SUMMARY = "Fail-safe A/B updates: client, service and bundle tool"
DESCRIPTION = "rauc makes, signs, verifies and installs update bundles. An \
independent implementation, compatible with RAUC; it takes the place of \
meta-rauc's recipe, so that the bundle class and whatever depends on rauc \
work unchanged."
HOMEPAGE = "https://moonforgelinux.org"
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSES/MIT.txt;md5=7a7d0e64ca480644b4aef62f1960a94b"

PROVIDES += "rauc"

# The sources are those around this layer: a checkout is one version of everything. To build from elsewhere, say
#   MOONFORGE_RAUC_GIT = "git://HOST/PATH;protocol=https;branch=main;destsuffix=moonforge-rauc"
#   MOONFORGE_RAUC_SRCREV = "the commit"
MOONFORGE_RAUC_GIT ?= ""
MOONFORGE_RAUC_SRCREV ?= "INVALID"
FILESEXTRAPATHS:prepend := "${MOONFORGE_RAUC_CHECKOUT}:"
MOONFORGE_RAUC_FILES = " \
    file://LICENSES;subdir=moonforge-rauc \
    file://data;subdir=moonforge-rauc \
    file://doc/man;subdir=moonforge-rauc \
    file://meson.build;subdir=moonforge-rauc \
    file://meson_options.txt;subdir=moonforge-rauc \
    file://src;subdir=moonforge-rauc \
    file://tool/embed.py;subdir=moonforge-rauc \
"
SRC_URI = "${@d.getVar('MOONFORGE_RAUC_GIT') or d.getVar('MOONFORGE_RAUC_FILES')}"
SRCREV = "${MOONFORGE_RAUC_SRCREV}"
S = "${WORKDIR}/moonforge-rauc"

DEPENDS = "glib-2.0 glib-2.0-native json-glib lz4 openssl xz zlib zstd"

inherit meson pkgconfig systemd useradd

# What openembedded-core has. fuse and libdeflate need layers of meta-openembedded, so a product asks for them.
# On build machines: make, sign, look into; bundles are shown and extracted without mounting them.
PACKAGECONFIG ??= ""
PACKAGECONFIG:class-target ??= "gpt service streaming uboot"
PACKAGECONFIG[fuse] = "-Dfuse=enabled,-Dfuse=disabled,fuse3"
PACKAGECONFIG[gpt] = "-Dgpt=enabled,-Dgpt=disabled,util-linux"
PACKAGECONFIG[libdeflate] = "-Dlibdeflate=enabled,-Dlibdeflate=disabled,libdeflate"
PACKAGECONFIG[service] = "-Dservice=enabled,-Dservice=disabled,,dbus"
PACKAGECONFIG[streaming] = "-Dstreaming=enabled,-Dstreaming=disabled,curl"
PACKAGECONFIG[uboot] = "-Duboot=enabled,-Duboot=disabled,libubootenv"

# A device trusts the public demo keys only if its system.conf says so. The build's own client signs with them, but
# for a release.
MOONFORGE_RAUC_DEMO_KEYS = "refuse"
MOONFORGE_RAUC_DEMO_KEYS:class-native = "${@'allow' if d.getVar('RAUC_RELEASE_BUILD') in (None, '', '0') else 'refuse'}"
EXTRA_OEMESON = " \
    -Dtests=false \
    -Ddemo_keys=${MOONFORGE_RAUC_DEMO_KEYS} \
    -Dsystemd-unit-dir=${systemd_system_unitdir} \
    -Dsystemd-catalog-dir=${nonarch_libdir}/systemd/catalog \
"

PACKAGES =+ "rauc-service rauc-mark-good rauc-fetch rauc-update ${PN}-completions"

# As meta-rauc has it: whoever installs rauc gets a device that can update itself.
RPROVIDES:${PN} += "rauc"
RREPLACES:${PN} += "rauc"
RCONFLICTS:${PN} += "rauc"
RRECOMMENDS:${PN}:append:class-target = " \
    rauc-conf \
    ${@bb.utils.contains('PACKAGECONFIG', 'service', 'rauc-service rauc-mark-good', '', d)} \
    ${@bb.utils.contains('PACKAGECONFIG', 'streaming', 'rauc-fetch', '', d)} \
"
# rauc bundle runs it
RDEPENDS:${PN}:append:class-native = " squashfs-tools-native"
RDEPENDS:${PN}:append:class-nativesdk = " nativesdk-squashfs-tools"

SUMMARY:rauc-service = "Update service on D-Bus"
FILES:rauc-service = " \
    ${datadir}/dbus-1 \
    ${libexecdir}/rauc-service.sh \
    ${nonarch_libdir}/systemd/catalog \
    ${systemd_system_unitdir}/rauc.service \
"
RDEPENDS:rauc-service = "${PN}"

SUMMARY:rauc-mark-good = "Makes an update stay when the health checks have passed"
FILES:rauc-mark-good = " \
    ${libexecdir}/rauc-trial \
    ${systemd_system_unitdir}/rauc-mark-good.service \
    ${systemd_system_unitdir}/rauc-trial.service \
"
RDEPENDS:rauc-mark-good = "${PN}"

SUMMARY:rauc-fetch = "What talks to servers: a process of its own, without rights"
FILES:rauc-fetch = "${libexecdir}/rauc/rauc-fetch"
RRECOMMENDS:rauc-fetch = "ca-certificates"

SUMMARY:rauc-update = "Looks for updates on a server, every two hours"
FILES:rauc-update = " \
    ${systemd_system_unitdir}/rauc-update.service \
    ${systemd_system_unitdir}/rauc-update.timer \
"
RDEPENDS:rauc-update = "${PN} rauc-fetch rauc-service"

SUMMARY:${PN}-completions = "Completion for bash, zsh and fish"
FILES:${PN}-completions = " \
    ${datadir}/bash-completion \
    ${datadir}/fish \
    ${datadir}/zsh \
"

USERADD_PACKAGES = "rauc-fetch"
USERADD_PARAM:rauc-fetch = "--system --user-group --no-create-home --home-dir / --shell ${base_sbindir}/nologin rauc-fetch"

# rauc.service is started by the bus; rauc-trial.service is for products that want it.
SYSTEMD_PACKAGES = "${@bb.utils.contains('PACKAGECONFIG', 'service', 'rauc-mark-good rauc-update', '', d)}"
SYSTEMD_SERVICE:rauc-update = "rauc-update.timer"
SYSTEMD_SERVICE:rauc-mark-good = "rauc-mark-good.service"

BBCLASSEXTEND = "native nativesdk"
