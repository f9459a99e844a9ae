/* SPDX-License-Identifier: MIT */

/*
 * EFI/BOOT/BOOTX64.EFI of a device with systemd-boot: sees that there is always a next attempt.
 *
 *   1. Where no entry has attempts left or is committed, those that are used up get all of them
 *      again; where there is no whole entry at all, they are made again from loader/slots.
 *   2. systemd-boot is started, and counts and chooses by itself.
 *   3. It comes back when the kernel it chose does not load: it is told to take the next of its
 *      own list (LoaderEntryOneShot), as often as there are entries.
 *   4. Nothing loads: ten seconds later the machine is reset. There is no prompt.
 *
 * A device whose slots boot writes nothing here.
 */

#include <efi.h>
#include <efilib.h>

#define ATTEMPTS     L"+3"
#define ENTRIES      L"\\loader\\entries"
#define SLOTS        L"\\loader\\slots"
#define SYSTEMD_BOOT L"\\EFI\\systemd\\systemd-boot" ARCH L".efi"
#define MOST         32
#define NAME         128
#define LARGEST      16384

typedef enum { NO_ENTRY, BAD, USED, BOOTS } State;

typedef struct {
	CHAR16 name[NAME];
	State state;
	BOOLEAN is_whole;
} Entry;

static EFI_GUID loader_guid = { 0x4a67b082, 0x0a4c, 0x41cf, { 0xb6, 0xc7, 0x44, 0x0b, 0x29, 0xbb, 0x8c, 0x4f } };
static Entry entries[MOST];

/* --- Files ------------------------------------------------------------------------ */

static EFI_FILE *open_file(EFI_FILE *root, const CHAR16 *path, UINT64 mode)
{
	EFI_FILE *file = NULL;
	EFI_STATUS status = uefi_call_wrapper(root->Open, 5, root, &file, (CHAR16 *)path, mode, 0);

	return EFI_ERROR(status) ? NULL : file;
}

static void close_file(EFI_FILE *file)
{
	if (file)
		uefi_call_wrapper(file->Close, 1, file);
}

static UINTN read_file(EFI_FILE *folder, const CHAR16 *name, char text[LARGEST])
{
	EFI_FILE *file = open_file(folder, name, EFI_FILE_MODE_READ);
	UINTN size = LARGEST - 1;

	if (!file || EFI_ERROR(uefi_call_wrapper(file->Read, 3, file, &size, text)))
		size = 0;
	close_file(file);
	text[size] = '\0';
	return size;
}

/* The next file of a folder that ends in .conf; FALSE: there is none. */
static BOOLEAN next_file(EFI_FILE *folder, CHAR16 name[NAME])
{
	static UINT64 buffer[128];

	for (;;) {
		EFI_FILE_INFO *info = (EFI_FILE_INFO *)buffer;
		UINTN size = sizeof(buffer);
		EFI_STATUS status = uefi_call_wrapper(folder->Read, 3, folder, &size, buffer);

		if (EFI_ERROR(status) || size == 0)
			return FALSE;
		UINTN length = StrLen(info->FileName);
		if (info->Attribute & EFI_FILE_DIRECTORY || length < 6 || length >= NAME ||
		    StriCmp(info->FileName + length - 5, L".conf") != 0)
			continue;
		StrCpy(name, info->FileName);
		return TRUE;
	}
}

static BOOLEAN rename_file(EFI_FILE *folder, const CHAR16 *from, const CHAR16 *to)
{
	static UINT64 buffer[128];
	EFI_FILE_INFO *info = (EFI_FILE_INFO *)buffer;
	EFI_GUID kind = EFI_FILE_INFO_ID;
	UINTN size = sizeof(buffer);
	EFI_FILE *file = open_file(folder, from, EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE);
	BOOLEAN is_done = FALSE;

	if (file && !EFI_ERROR(uefi_call_wrapper(file->GetInfo, 4, file, &kind, &size, buffer))) {
		StrCpy(info->FileName, to);
		info->Size = SIZE_OF_EFI_FILE_INFO + StrSize(info->FileName);
		is_done = !EFI_ERROR(
			uefi_call_wrapper(file->SetInfo, 4, file, &kind, (UINTN)info->Size, buffer));
	}
	close_file(file);
	return is_done;
}

/* --- Entries ---------------------------------------------------------------------- */

/* Where the counter begins, or the ".conf" does. */
static UINTN stem_length(const CHAR16 *name)
{
	UINTN length = StrLen(name) - 5;

	for (UINTN i = length; i-- > 0;) {
		if (name[i] == '+')
			return i;
	}
	return length;
}

static State state_of(const CHAR16 *name)
{
	const CHAR16 *counter = name + stem_length(name);

	if (*counter != '+')
		return BOOTS;
	while (*++counter == '0')
		;
	if (*counter >= '1' && *counter <= '9')
		return BOOTS;
	return *counter == '-' ? USED : BAD;
}

/* Does a line begin with "efi " or "linux ", and is the last one whole? */
static BOOLEAN is_whole(EFI_FILE *folder, const CHAR16 *name)
{
	static char text[LARGEST];
	UINTN size = read_file(folder, name, text);

	if (!size || text[size - 1] != '\n')
		return FALSE;
	for (UINTN i = 0; i + 6 < size; i++) {
		if (i && text[i - 1] != '\n')
			continue;
		if (CompareMem(text + i, "efi ", 4) == 0 || CompareMem(text + i, "linux ", 6) == 0)
			return TRUE;
	}
	return FALSE;
}

static UINTN list_entries(EFI_FILE *folder)
{
	UINTN n = 0;

	while (n < MOST && next_file(folder, entries[n].name)) {
		entries[n].state = state_of(entries[n].name);
		n++;
	}
	for (UINTN i = 0; i < n; i++)
		entries[i].is_whole = is_whole(folder, entries[i].name);
	return n;
}

static void with_attempts(CHAR16 *to, const CHAR16 *name)
{
	UINTN stem = stem_length(name);

	CopyMem(to, name, stem * sizeof(CHAR16));
	to[stem] = 0;
	StrCat(to, ATTEMPTS L".conf");
}

/* A copy of a file of loader/slots, under a name that is an entry's once it is whole. */
static void make_again(EFI_FILE *from, EFI_FILE *to, const CHAR16 *name)
{
	static char text[LARGEST];
	CHAR16 wanted[NAME + 8], beside[NAME + 8];
	UINTN size = read_file(from, name, text), n = size;
	UINT64 mode = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE | EFI_FILE_MODE_CREATE;

	StrCpy(beside, name);
	StrCat(beside, L".new");
	with_attempts(wanted, name);
	EFI_FILE *file = size ? open_file(to, beside, mode) : NULL;
	if (!file)
		return;
	EFI_STATUS status = uefi_call_wrapper(file->Write, 3, file, &n, text);
	close_file(file);
	if (!EFI_ERROR(status) && n == size)
		rename_file(to, beside, wanted);
}

static void make_all_again(EFI_FILE *root)
{
	UINT64 mode = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE | EFI_FILE_MODE_CREATE;
	EFI_FILE *from = open_file(root, SLOTS, EFI_FILE_MODE_READ), *to = NULL;
	CHAR16 name[NAME];

	uefi_call_wrapper(root->Open, 5, root, &to, (CHAR16 *)ENTRIES, mode, (UINT64)EFI_FILE_DIRECTORY);
	while (from && to && next_file(from, name))
		make_again(from, to, name);
	close_file(from);
	close_file(to);
}

/* Step 1. */
static void look_after(EFI_FILE *root)
{
	EFI_FILE *folder = open_file(root, ENTRIES, EFI_FILE_MODE_READ);
	UINTN n = folder ? list_entries(folder) : 0;
	State best = NO_ENTRY;
	CHAR16 name[NAME + 8];

	for (UINTN i = 0; i < n; i++) {
		if (entries[i].is_whole && entries[i].state > best)
			best = entries[i].state;
	}
	for (UINTN i = 0; i < n && best == USED; i++) {
		if (entries[i].state != USED || !entries[i].is_whole)
			continue;
		with_attempts(name, entries[i].name);
		rename_file(folder, entries[i].name, name);
	}
	for (UINTN i = 0; i < n && best == NO_ENTRY; i++) {
		EFI_FILE *file = open_file(folder, entries[i].name, EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE);

		if (file)
			uefi_call_wrapper(file->Delete, 1, file);
	}
	close_file(folder);
	if (best == NO_ENTRY)
		make_all_again(root);
}

/* --- systemd-boot ----------------------------------------------------------------- */

static void start(EFI_HANDLE image, EFI_HANDLE device)
{
	EFI_DEVICE_PATH *path = FileDevicePath(device, SYSTEMD_BOOT);
	EFI_HANDLE child = NULL;

	if (path && !EFI_ERROR(uefi_call_wrapper(BS->LoadImage, 6, FALSE, image, path, NULL, 0, &child)))
		uefi_call_wrapper(BS->StartImage, 3, child, NULL, NULL);
}

/* The n-th entry of systemd-boot's list that is a file of the medium, but for `skip`; NULL: none. */
static CHAR16 *find_listed(CHAR16 *list, UINTN size, UINTN n, const CHAR16 *skip)
{
	CHAR16 *end = list + size / sizeof(CHAR16);

	for (CHAR16 *id = list; id < end && *id; id += StrLen(id) + 1) {
		if (StrnCmp(id, L"auto-", 5) == 0 || (skip && StrCmp(id, skip) == 0))
			continue;
		if (n-- == 0)
			return id;
	}
	return NULL;
}

/* Steps 2 and 3. */
static void boot(EFI_HANDLE image, EFI_HANDLE device)
{
	UINTN size = 0, ignored;
	CHAR16 *list, *id, *first;

	start(image, device);
	list = LibGetVariableAndSize(L"LoaderEntries", &loader_guid, &size);
	first = LibGetVariableAndSize(L"LoaderEntrySelected", &loader_guid, &ignored);
	for (UINTN n = 0; list && (id = find_listed(list, size, n, first)); n++) {
		uefi_call_wrapper(RT->SetVariable, 5, L"LoaderEntryOneShot", &loader_guid,
		                  (UINT32)(EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS),
		                  StrSize(id), id);
		start(image, device);
	}
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	EFI_LOADED_IMAGE *loaded = NULL;
	EFI_GUID protocol = LOADED_IMAGE_PROTOCOL;
	EFI_FILE *root;

	InitializeLib(image, system);
	if (!EFI_ERROR(uefi_call_wrapper(BS->HandleProtocol, 3, image, &protocol, (void **)&loaded))) {
		root = LibOpenRoot(loaded->DeviceHandle);
		if (root) {
			look_after(root);
			close_file(root);
		}
		boot(image, loaded->DeviceHandle);
	}
	Print(L"Nothing boots. Once more in 10 seconds.\n");
	uefi_call_wrapper(BS->Stall, 1, 10 * 1000 * 1000);
	uefi_call_wrapper(RT->ResetSystem, 4, EfiResetCold, EFI_SUCCESS, 0, NULL);
	return EFI_SUCCESS;
}
