/* SPDX-License-Identifier: MIT */

/* Of gnu-efi's library, whose arm64 form Debian has on arm64 only, what boot/ needs, by the same names. */

#include <efi.h>
#include <efilib.h>

EFI_SYSTEM_TABLE *ST;
EFI_BOOT_SERVICES *BS;
EFI_RUNTIME_SERVICES *RT;
EFI_GUID gEfiDevicePathProtocolGuid = DEVICE_PATH_PROTOCOL;
EFI_GUID gEfiLoadedImageProtocolGuid = LOADED_IMAGE_PROTOCOL;
EFI_GUID gEfiSimpleFileSystemProtocolGuid = SIMPLE_FILE_SYSTEM_PROTOCOL;
EFI_GUID gEfiBlockIoProtocolGuid = EFI_BLOCK_IO_PROTOCOL_GUID;

VOID InitializeLib(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	(void)image;
	ST = system;
	BS = system->BootServices;
	RT = system->RuntimeServices;
}

/* --- Memory ----------------------------------------------------------------------------- */

/* The compiler calls these two by itself. */
void *memcpy(void *to, const void *from, UINTN size)
{
	for (UINTN i = 0; i < size; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int byte, UINTN size)
{
	for (UINTN i = 0; i < size; i++)
		((char *)to)[i] = (char)byte;
	return to;
}

VOID CopyMem(VOID *to, CONST VOID *from, UINTN size)
{
	memcpy(to, from, size);
}

INTN CompareMem(CONST VOID *a, CONST VOID *b, UINTN size)
{
	const unsigned char *one = a, *other = b;

	for (UINTN i = 0; i < size; i++) {
		if (one[i] != other[i])
			return one[i] - other[i];
	}
	return 0;
}

VOID *AllocatePool(UINTN size)
{
	VOID *memory = NULL;

	return EFI_ERROR(BS->AllocatePool(EfiLoaderData, size, &memory)) ? NULL : memory;
}

VOID FreePool(VOID *memory)
{
	BS->FreePool(memory);
}

/* --- Text ------------------------------------------------------------------------------- */

UINTN StrLen(CONST CHAR16 *text)
{
	UINTN n = 0;

	while (text[n])
		n++;
	return n;
}

UINTN StrSize(CONST CHAR16 *text)
{
	return (StrLen(text) + 1) * sizeof(*text);
}

VOID StrCpy(CHAR16 *to, CONST CHAR16 *from)
{
	memcpy(to, from, StrSize(from));
}

VOID StrCat(CHAR16 *to, CONST CHAR16 *from)
{
	StrCpy(to + StrLen(to), from);
}

INTN StrnCmp(CONST CHAR16 *a, CONST CHAR16 *b, UINTN most)
{
	for (; most > 0 && *a && *a == *b; most--, a++, b++)
		;
	return most > 0 ? *a - *b : 0;
}

INTN StrCmp(CONST CHAR16 *a, CONST CHAR16 *b)
{
	return StrnCmp(a, b, MAX_ADDRESS);
}

static CHAR16 lower(CHAR16 c)
{
	return c >= 'A' && c <= 'Z' ? (CHAR16)(c + 'a' - 'A') : c;
}

INTN StriCmp(CONST CHAR16 *a, CONST CHAR16 *b)
{
	for (; *a && lower(*a) == lower(*b); a++, b++)
		;
	return lower(*a) - lower(*b);
}

UINTN Atoi(CONST CHAR16 *text)
{
	UINTN value = 0;

	while (*text == ' ')
		text++;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (UINTN)(*text - '0');
	return value;
}

/* %s, and %0Nx with N digits at least and at most: all that is used here. */
static VOID put_formatted(CHAR16 *out, UINTN size, CONST CHAR16 *format, va_list values)
{
	UINTN n = 0;

	for (; *format && n + 1 < size; format++) {
		if (*format != '%') {
			out[n++] = *format;
		} else if (format[1] == 's') {
			CONST CHAR16 *text = va_arg(values, CONST CHAR16 *);

			while (*text && n + 1 < size)
				out[n++] = *text++;
			format++;
		} else if (format[1] == '0' && format[2] && format[3] == 'x') {
			UINT32 value = va_arg(values, UINT32);

			for (UINTN digits = (UINTN)(format[2] - '0'); digits-- > 0 && n + 1 < size;)
				out[n++] = (CHAR16) "0123456789abcdef"[value >> (digits * 4) & 15];
			format += 3;
		}
	}
	out[n] = 0;
}

UINTN SPrint(CHAR16 *out, UINTN size, CONST CHAR16 *format, ...)
{
	va_list values;

	va_start(values, format);
	put_formatted(out, size / sizeof(*out), format, values);
	va_end(values);
	return StrLen(out);
}

/* The console wants a carriage return before each line feed. */
UINTN Print(CONST CHAR16 *format, ...)
{
	CHAR16 text[256], one[2] = { 0, 0 };
	va_list values;

	va_start(values, format);
	put_formatted(text, 256, format, values);
	va_end(values);
	for (UINTN i = 0; text[i]; i++) {
		one[0] = text[i];
		if (text[i] == '\n')
			ST->ConOut->OutputString(ST->ConOut, L"\r");
		ST->ConOut->OutputString(ST->ConOut, one);
	}
	return StrLen(text);
}

/* --- Devices and variables ---------------------------------------------------------------- */

EFI_DEVICE_PATH *DevicePathFromHandle(EFI_HANDLE handle)
{
	VOID *path = NULL;

	return EFI_ERROR(BS->HandleProtocol(handle, &DevicePathProtocol, &path)) ? NULL : path;
}

UINTN DevicePathSize(EFI_DEVICE_PATH *path)
{
	EFI_DEVICE_PATH *end = path;

	while (!IsDevicePathEnd(end))
		end = NextDevicePathNode(end);
	return (UINTN)((char *)end - (char *)path) + sizeof(EFI_DEVICE_PATH);
}

/* The path of the device with a node for the file behind it. */
EFI_DEVICE_PATH *FileDevicePath(EFI_HANDLE device, CHAR16 *name)
{
	EFI_DEVICE_PATH *before = DevicePathFromHandle(device);
	UINTN length = before ? DevicePathSize(before) - sizeof(EFI_DEVICE_PATH) : 0;
	UINTN node = sizeof(EFI_DEVICE_PATH) + StrSize(name);
	char *whole = AllocatePool(length + node + sizeof(EFI_DEVICE_PATH));

	if (!whole)
		return NULL;
	memcpy(whole, before, length);
	EFI_DEVICE_PATH *file = (EFI_DEVICE_PATH *)(whole + length);
	file->Type = MEDIA_DEVICE_PATH;
	file->SubType = MEDIA_FILEPATH_DP;
	SetDevicePathNodeLength(file, node);
	memcpy(file + 1, name, StrSize(name));
	EFI_DEVICE_PATH *end = NextDevicePathNode(file);
	SetDevicePathEndNode(end);
	return (EFI_DEVICE_PATH *)whole;
}

EFI_FILE_HANDLE LibOpenRoot(EFI_HANDLE device)
{
	EFI_FILE_IO_INTERFACE *volume = NULL;
	EFI_FILE_HANDLE root = NULL;

	if (EFI_ERROR(BS->HandleProtocol(device, &FileSystemProtocol, (VOID **)&volume)) ||
	    EFI_ERROR(volume->OpenVolume(volume, &root)))
		return NULL;
	return root;
}

EFI_STATUS LibLocateHandle(EFI_LOCATE_SEARCH_TYPE type, EFI_GUID *protocol, VOID *key, UINTN *n,
                           EFI_HANDLE **handles)
{
	*n = 0;
	*handles = NULL;
	return BS->LocateHandleBuffer(type, protocol, key, n, handles);
}

VOID *LibGetVariableAndSize(CHAR16 *name, EFI_GUID *vendor, UINTN *size)
{
	VOID *data = NULL;

	*size = 0;
	if (RT->GetVariable(name, vendor, NULL, size, NULL) != EFI_BUFFER_TOO_SMALL)
		return NULL;
	data = AllocatePool(*size);
	if (data && EFI_ERROR(RT->GetVariable(name, vendor, NULL, size, data))) {
		FreePool(data);
		data = NULL;
	}
	if (!data)
		*size = 0;
	return data;
}
