# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Names in C source: what the language, its library and the runtime leave free."""

from __future__ import annotations

import re

from nnabla_compress.c_kernels import EXAMPLE, GLUE, KERNELS
from nnabla_compress.names import ascii_name
from nnabla_compress.safe_names import file_name

_KEYWORDS = (
    "asm auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "typeof union unsigned void volatile while main bool true false"
)
# Functions of math.h and complex.h, each of which there is with f and l behind it, too.
_MATHEMATICS = (
    "acos acosh asin asinh atan atan2 atanh cabs cacos cacosh carg casin casinh catan catanh cbrt "
    "ccos ccosh ceil cexp cimag clog clog10 conj copysign cos cosh cpow cproj creal csin csinh "
    "csqrt ctan ctanh drem erf erfc exp exp10 exp2 expm1 fabs fdim finite floor fma fmax fmin "
    "fmod frexp gamma hypot ilogb isinf isnan j0 j1 jn ldexp lgamma llrint llround log log10 "
    "log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward pow pow10 remainder "
    "remquo rint round roundeven scalb scalbln scalbn signbit significand sin sincos sinh sqrt "
    "tan tanh tgamma trunc y0 y1 yn"
)
_LIBRARY = (
    "BUFSIZ EOF FILE FILENAME_MAX FOPEN_MAX HUGE_VAL HUGE_VALF HUGE_VALL INFINITY L_ctermid "
    "L_tmpnam MATH_ERREXCEPT MATH_ERRNO NAN NULL P_tmpdir SIZE_MAX TMP_MAX WCHAR_MAX WCHAR_MIN "
    "WINT_MAX WINT_MIN abort abs aligned_alloc alloca bcmp bcopy bsearch bzero calloc clearerr "
    "clock close ctermid dcgettext dgettext div dprintf environ errno execl execle execlp execv "
    "execve execvp exit explicit_bzero fclose fdopen feof ferror fflush ffs ffsimax ffsl ffsll "
    "fgetc fgetpos fgets fileno flockfile fmemopen fopen fork fprintf fputc fputs fread free "
    "freopen fscanf fseek fseeko fsetpos ftell ftello ftrylockfile funlockfile fwrite getc "
    "getchar getdelim getenv getline gettext getw imaxabs index isalnum isalpha isascii isblank "
    "iscntrl isdigit isgraph islower isprint ispunct isspace isupper iswalnum iswalpha iswblank "
    "iswcntrl iswdigit iswgraph iswlower iswprint iswpunct iswspace iswupper iswxdigit isxdigit "
    "kill labs link linux llabs malloc math_errhandling memccpy memchr memcmp memcpy memmove "
    "mempcpy memset mkdir open open_memstream pclose perror pipe popen posix_memalign printf putc "
    "putchar puts putw qsort raise rand read realloc remove rename renameat rewind rindex scanf "
    "select setbuf setbuffer setlinebuf setvbuf signal signgam sleep snprintf sprintf srand "
    "sscanf stat stderr stdin stdout stpcpy stpncpy strcasecmp strcat strchr strcmp strcoll "
    "strcpy strcspn strdup strerror strfmon strftime strlen strncasecmp strncat strncmp strncpy "
    "strndup strnlen strpbrk strrchr strsep strsignal strspn strstr strtok strxfrm system tempnam "
    "time tmpfile tmpnam toascii tolower toupper towlower towupper ungetc unix unlink vdprintf "
    "vfprintf vfscanf vprintf vscanf vsnprintf vsprintf vsscanf wait write"
)
# What the example calls things of its own.
_EXAMPLE = "context i input output report number nearest"
_WORDS = frozenset(" ".join((_KEYWORDS, _MATHEMATICS, _LIBRARY, _EXAMPLE)).split())
_PATTERNS = re.compile(
    rf"(?:{'|'.join(_MATHEMATICS.split())})(?:[fl]|f16|f32x?|f64x?|f128|d32|d64|d128)(?:_r)?"
    rf"|(?:{'|'.join((_MATHEMATICS + ' ' + _LIBRARY).split())})_(?:unlocked|[lrt])"
    r"|rt_.*|nn_.*_t|packed_.*"
    r"|u?int(?:_fast|_least)?(?:8|16|32|64|max|ptr)_t"
    r"|(?:size|ssize|ptrdiff|wchar|wint|float|double|off|fpos|mode|pid|va_list)_t|va_list"
    r"|fe(?:clear|get|set|raise|test|hold|update)(?:except(?:flag)?|round|env)"
    r"|(?:U?INT(?:_FAST|_LEAST)?(?:8|16|32|64|MAX|PTR|)|PTRDIFF|SIG_ATOMIC)_(?:MAX|MIN|C)"
    r"|FP_(?:ILOGB0|ILOGBNAN|INFINITE|NAN|NORMAL|SUBNORMAL|ZERO)|SEEK_(?:CUR|END|SET)"
    r"|M_(?:E|PI|PI_2|PI_4|[12]_PI|2_SQRTPI|LN2|LN10|LOG2E|LOG10E|SQRT2|SQRT1_2)"
)
# C files that stand beside those of a network.
_FILES = frozenset(name.partition(".")[0] for name in (*KERNELS, *GLUE, *EXAMPLE)) | {"packed"}


def c_name(text: str) -> str:
    r"""Returns a name that C, its library and the runtime leave free.

    Args:
        text: Any text.

    Example:
        >>> c_name("lenet-4bit"), c_name("4bit"), c_name("main")
        ('lenet_4bit', 'network_4bit', 'network_main')
        >>> c_name("exp"), c_name("x */\n#error")
        ('network_exp', 'x_____error_0142c37c')
    """
    # A name of another script keeps what tells it from others.
    name = re.sub(r"[^0-9A-Za-z_]", "_", ascii_name(file_name(text)))
    if not re.match(r"[A-Za-z]", name) or name in _WORDS or _PATTERNS.fullmatch(name):
        name = f"network_{name}"
    return name


def c_file_name(stem: str) -> str:
    r"""Returns what the C files of a network are called, without their endings.

    It can stand in an ``#include``, in a comment and on the command line of a compiler, and is no
    name of the kernels' files.

    Args:
        stem: What they should be called.

    Example:
        >>> c_file_name("lenet-4bit"), c_file_name("packed")
        ('lenet-4bit', 'network_packed')
        >>> c_file_name('a"\n#error')
        'a__#error-e84d3b47'
    """
    name = file_name(stem)
    return f"network_{name}" if name.lower() in _FILES else name
