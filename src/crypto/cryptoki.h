/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * As much of PKCS #11 2.40 (OASIS) as looking around in a token needs: plain
 * data and the beginning of the table of functions. For this folder only.
 */

#include <stdint.h>

typedef unsigned long CkLong;

typedef enum {
	CKR_OK = 0,
	CKR_GENERAL_ERROR = 0x5,
	CKR_FUNCTION_FAILED = 0x6,
	CKR_DEVICE_ERROR = 0x30,
	CKR_DEVICE_REMOVED = 0x32,
	CKR_PIN_INCORRECT = 0xA0,
	CKR_PIN_INVALID = 0xA1,
	CKR_PIN_LEN_RANGE = 0xA2,
	CKR_PIN_EXPIRED = 0xA3,
	CKR_PIN_LOCKED = 0xA4,
	CKR_SESSION_COUNT = 0xB1,
	CKR_TOKEN_NOT_PRESENT = 0xE0,
	CKR_TOKEN_NOT_RECOGNIZED = 0xE1,
	CKR_USER_ALREADY_LOGGED_IN = 0x100,
	CKR_USER_PIN_NOT_INITIALIZED = 0x102,
	CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191,
} CkResult;

enum {
	CKF_OS_LOCKING_OK = 2,  /* of starting */
	CKF_SERIAL_SESSION = 4, /* of a session, always */
	CKF_LOGIN_REQUIRED = 4, /* of a token, as all below */
	CKF_USER_PIN_FINAL_TRY = 0x20000,
	CKF_USER_PIN_LOCKED = 0x40000,
	CKF_TOKEN_INITIALIZED = 0x400,
};

enum { CKU_USER = 1 };

typedef enum { CKO_CERTIFICATE = 1, CKO_PRIVATE_KEY = 3 } CkClass;

enum { CKA_CLASS = 0, CKA_LABEL = 3, CKA_VALUE = 0x11, CKA_ID = 0x102 };

#define CK_UNAVAILABLE (~(CkLong)0) /* the length of an attribute that is not there */

/* Texts in these are padded with spaces, without an end. */
typedef struct {
	uint8_t version[2];
	uint8_t manufacturer[32];
	CkLong flags;
	uint8_t description[32];
	uint8_t library_version[2];
} CkInfo;

typedef struct {
	uint8_t description[64];
	uint8_t manufacturer[32];
	CkLong flags;
	uint8_t versions[4];
} CkSlotInfo;

typedef struct {
	uint8_t label[32];
	uint8_t manufacturer[32];
	uint8_t model[16];
	uint8_t serial[16];
	CkLong flags;
	CkLong counts[10];
	uint8_t versions[4];
	uint8_t time[16];
} CkTokenInfo;

typedef struct {
	CkLong type;
	void *value;
	CkLong size;
} CkAttribute;

typedef struct {
	void *mutex_functions[4];
	CkLong flags;
	void *reserved;
} CkStart;

typedef void (*CkUnused)(void);

typedef struct {
	uint8_t version[2];
	CkLong (*start)(CkStart *how);
	CkUnused finish;
	CkLong (*get_info)(CkInfo *info);
	CkUnused get_function_list;
	CkLong (*get_slots)(uint8_t with_token, CkLong *slots, CkLong *n_slots);
	CkLong (*get_slot_info)(CkLong slot, CkSlotInfo *info);
	CkLong (*get_token_info)(CkLong slot, CkTokenInfo *info);
	CkUnused not_needed[5];
	CkLong (*open_session)(CkLong slot, CkLong flags, void *user, void *notify,
	                       CkLong *session);
	CkLong (*close_session)(CkLong session);
	CkUnused nor_these[4];
	CkLong (*login)(CkLong session, CkLong who, const uint8_t *pin, CkLong size);
	CkLong (*logout)(CkLong session);
	CkUnused or_these[4];
	CkLong (*get_attributes)(CkLong session, CkLong object, CkAttribute *to, CkLong n);
	CkUnused set_attributes;
	CkLong (*find_start)(CkLong session, CkAttribute *like, CkLong n);
	CkLong (*find)(CkLong session, CkLong *objects, CkLong most, CkLong *n_objects);
	CkLong (*find_end)(CkLong session);
} CkFunctions;
