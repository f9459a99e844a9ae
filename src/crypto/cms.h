/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * CMS between bytes and OpenSSL. For this folder only. The bytes are an
 * attacker's: nothing here believes more than that they are well-formed.
 */

#include "crypto/cert.h"

/* Any kind of CMS; bytes behind it are refused. */
CMS_ContentInfo *cms_parse(GBytes *bytes, GError **error);
/* SignedData over plain data. */
CMS_ContentInfo *cms_parse_signed(GBytes *bytes, GError **error);

GBytes *cms_encode(const CMS_ContentInfo *cms, GError **error);

/* `type` is a NID of OpenSSL. */
bool cms_check_type(const CMS_ContentInfo *cms, int type, GError **error);

/* Add it unless it is there. */
bool cms_add_cert(CMS_ContentInfo *cms, X509 *cert);
