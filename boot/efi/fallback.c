/* SPDX-License-Identifier: MIT */

/*
 * EFI/BOOT/BOOTX64.EFI of a device whose slots are boot entries of the firmware: what the firmware
 * starts when its own memory (NVRAM) names nothing that loads.
 *
 *   1. Slots of EFI/rauc/slots that have no boot entry get one, so that marks work again.
 *   2. The slots in BootOrder are started, in its order: firmware that forgets to look at it keeps
 *      the commitments all the same.
 *   3. The others are started, another one at each power-on: the variable RaucTurn has the last.
 *   4. Nothing loads: ten seconds later the machine is reset. There is no prompt.
 *
 * BootOrder itself is never written here: a commitment is the running system's to make.
 */

#include "chain.h"

#define SLOTS   L"\\EFI\\rauc\\slots"
#define TURN    L"RaucTurn"
#define MOST    8
#define NAME    32
#define TEXT    256
#define LARGEST 4096
#define NUMBERS 0x100 /* of boot entries that are looked at for a free one */
#define KEPT \
	(EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS)

typedef struct {
	CHAR16 name[NAME];
	CHAR16 loader[TEXT];
	CHAR16 options[TEXT];
	UINTN partition;
	EFI_DEVICE_PATH *path; /* of its loader, from the root; NULL: the partition is not there */
	UINTN entry;           /* NUMBERS: none */
	BOOLEAN is_tried;
} Slot;

static EFI_GUID global_guid = EFI_GLOBAL_VARIABLE;
static EFI_GUID our_guid = {
	0x6d2cf6b5, 0x5b5c, 0x4b0f, { 0x9a, 0x3e, 0x8e, 0x1d, 0x7b, 0x46, 0x20, 0xd1 }
};
static Slot slots[MOST];
static UINTN n_slots;

/* --- The list of slots -------------------------------------------------------------- */

static UINTN read_list(EFI_HANDLE device, char text[LARGEST])
{
	EFI_FILE *root = LibOpenRoot(device), *file = NULL;
	UINTN size = LARGEST - 1;

	if (!root)
		return 0;
	if (EFI_ERROR(
		    uefi_call_wrapper(root->Open, 5, root, &file, SLOTS, EFI_FILE_MODE_READ, 0)) ||
	    EFI_ERROR(uefi_call_wrapper(file->Read, 3, file, &size, text)))
		size = 0;
	if (file)
		uefi_call_wrapper(file->Close, 1, file);
	uefi_call_wrapper(root->Close, 1, root);
	text[size] = '\0';
	return size;
}

/* The next word, or with `whole` the rest of the line; FALSE: it does not fit. */
static BOOLEAN take_word(const char **text, CHAR16 *word, UINTN size, BOOLEAN whole)
{
	UINTN n = 0;

	while (**text == ' ')
		(*text)++;
	while (**text && **text != '\n' && (whole || **text != ' ')) {
		if (n + 1 == size)
			return FALSE;
		word[n++] = (unsigned char)*(*text)++;
	}
	word[n] = 0;
	return TRUE;
}

/* NAME PARTITION LOADER OPTIONS...; lines that are none of these, and those after '#', are passed over. */
static void take_lines(const char *text)
{
	CHAR16 number[8];

	while (*text && n_slots < MOST) {
		Slot *slot = &slots[n_slots];

		if (*text != '#' && take_word(&text, slot->name, NAME, FALSE) && *slot->name &&
		    take_word(&text, number, 8, FALSE) && (slot->partition = Atoi(number)) != 0 &&
		    take_word(&text, slot->loader, TEXT, FALSE) && *slot->loader == '\\' &&
		    take_word(&text, slot->options, TEXT, TRUE))
			n_slots++;
		while (*text && *text++ != '\n')
			;
	}
}

static void find_loaders(EFI_HANDLE device)
{
	for (UINTN k = 0; k < n_slots; k++) {
		EFI_HANDLE volume = find_volume(device, slots[k].partition);

		slots[k].path = volume ? FileDevicePath(volume, slots[k].loader) : NULL;
	}
}

/* --- Boot entries --------------------------------------------------------------------- */

static void name_entry(CHAR16 name[16], UINTN number)
{
	SPrint(name, 32, L"Boot%04x", number);
	for (UINTN i = 4; i < 8; i++) {
		if (name[i] >= 'a' && name[i] <= 'f')
			name[i] -= 'a' - 'A';
	}
}

/* The description of an entry is the slot's name, and it ends where the entry says. */
static BOOLEAN is_entry_of(const char *entry, UINTN size, const Slot *slot)
{
	UINTN length = StrSize(slot->name);
	UINT16 path_length;

	if (size < 6 + length || CompareMem((void *)(entry + 6), (void *)slot->name, length) != 0)
		return FALSE;
	CopyMem(&path_length, (void *)(entry + 4), sizeof(path_length));
	return path_length >= 4 && size - 6 - length >= path_length;
}

/* Notes the entries of all slots; the first number that is free. */
static UINTN find_entries(void)
{
	UINTN free_one = NUMBERS;

	for (UINTN k = 0; k < n_slots; k++)
		slots[k].entry = NUMBERS;
	for (UINTN number = NUMBERS; number-- > 0;) {
		CHAR16 name[16];
		UINTN size = 0;
		name_entry(name, number);
		char *entry = LibGetVariableAndSize(name, &global_guid, &size);

		if (!entry)
			free_one = number;
		for (UINTN k = 0; entry && k < n_slots; k++) {
			if (is_entry_of(entry, size, &slots[k]))
				slots[k].entry = number;
		}
		if (entry)
			FreePool(entry);
	}
	return free_one;
}

/* As efibootmgr writes them: HD(...)/File(...), the options behind it. */
static void make_entry(Slot *slot, UINTN number)
{
	static char entry[LARGEST];
	EFI_DEVICE_PATH *path = (EFI_DEVICE_PATH *)find_partition(slot->path);
	UINT32 attributes = 1; /* active */
	UINT16 path_length = (UINT16)DevicePathSize(path);
	UINTN size = 6, length = StrSize(slot->name), options = StrSize(slot->options);
	CHAR16 name[16];

	if (6 + length + path_length + options > LARGEST)
		return;
	CopyMem(entry, &attributes, sizeof(attributes));
	CopyMem(entry + 4, &path_length, sizeof(path_length));
	CopyMem(entry + size, slot->name, length);
	size += length;
	CopyMem(entry + size, path, path_length);
	size += path_length;
	CopyMem(entry + size, slot->options, options);
	size += options;
	name_entry(name, number);
	if (!EFI_ERROR(
		    uefi_call_wrapper(RT->SetVariable, 5, name, &global_guid, KEPT, size, entry)))
		slot->entry = number;
}

static void make_entries(void)
{
	UINTN number = find_entries();

	for (UINTN k = 0; k < n_slots && number < NUMBERS; k++) {
		if (slots[k].entry != NUMBERS || !slots[k].path)
			continue;
		make_entry(&slots[k], number);
		UINTN keep = slots[k].entry;
		number = find_entries();
		if (slots[k].entry == NUMBERS && keep != NUMBERS)
			return; /* the firmware does not keep it */
	}
}

/* --- Starting ------------------------------------------------------------------------- */

/* Comes back when it does not load. */
static void start(EFI_HANDLE image, Slot *slot)
{
	slot->is_tried = TRUE;
	start_program(image, slot->path, slot->options);
}

static void start_committed(EFI_HANDLE image)
{
	UINTN size = 0;
	UINT16 *order = LibGetVariableAndSize(L"BootOrder", &global_guid, &size);

	for (UINTN i = 0; order && i < size / sizeof(*order); i++) {
		for (UINTN k = 0; k < n_slots; k++) {
			if (slots[k].entry == order[i] && slots[k].path && !slots[k].is_tried)
				start(image, &slots[k]);
		}
	}
}

/* The slot that RaucTurn names, or the last one: the first one is next. */
static UINTN last_turn(void)
{
	UINTN size = 0, last = n_slots - 1;
	char *name = LibGetVariableAndSize(TURN, &our_guid, &size);

	for (UINTN k = 0; name && k < n_slots; k++) {
		if (size == StrSize(slots[k].name) && CompareMem(name, slots[k].name, size) == 0)
			last = k;
	}
	return last;
}

static void start_others(EFI_HANDLE image)
{
	UINTN last = last_turn();

	for (UINTN i = 1; i <= n_slots; i++) {
		UINTN k = (last + i) % n_slots;

		if (!slots[k].path || slots[k].is_tried)
			continue;
		if (k != last)
			uefi_call_wrapper(RT->SetVariable, 5, TURN, &our_guid, KEPT,
			                  StrSize(slots[k].name), slots[k].name);
		start(image, &slots[k]);
	}
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	EFI_GUID protocol = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *loaded = NULL;
	static char text[LARGEST];

	InitializeLib(image, system);
	if (!EFI_ERROR(
		    uefi_call_wrapper(BS->HandleProtocol, 3, image, &protocol, (void **)&loaded)) &&
	    read_list(loaded->DeviceHandle, text)) {
		take_lines(text);
		find_loaders(loaded->DeviceHandle);
	}
	if (n_slots) {
		make_entries();
		start_committed(image);
		start_others(image);
	}
	Print(L"rauc: no slot in %s loads, resetting in 10 s\n", SLOTS);
	uefi_call_wrapper(BS->Stall, 1, 10 * 1000 * 1000);
	uefi_call_wrapper(RT->ResetSystem, 4, EfiResetCold, EFI_SUCCESS, 0, NULL);
	return EFI_SUCCESS;
}
