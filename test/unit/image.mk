# tests of src/image
check_PROGRAMS += test_image
test_image_SOURCES = test/unit/test_image.c
test_image_CPPFLAGS = $(TEST_CPPFLAGS)
test_image_CFLAGS = $(BP_CFLAGS)
test_image_LDADD = libtap.la libimage.la libcommon.la

noinst_PROGRAMS += image_driver
image_driver_SOURCES = test/system/image_driver.c test/system/image_refuse.c \
	test/system/image_refuse.h
image_driver_CPPFLAGS = $(BP_CPPFLAGS) -DBPRESTORE='"$(pkglibexecdir)/bprestore"'
image_driver_CFLAGS = $(BP_CFLAGS)
image_driver_LDADD = libimage.la libcommon.la

# A library that a program of any language dumps itself with.
noinst_LTLIBRARIES += libimagehop.la
libimagehop_la_SOURCES = test/system/image_hop.c
libimagehop_la_CPPFLAGS = $(BP_CPPFLAGS)
libimagehop_la_CFLAGS = $(BP_CFLAGS)
libimagehop_la_LIBADD = libimage.la libcommon.la
libimagehop_la_LDFLAGS = -module -avoid-version -shared -rpath $(abs_builddir)

noinst_PROGRAMS += image_guest
image_guest_SOURCES = test/system/image_guest.c
image_guest_CPPFLAGS = $(BP_CPPFLAGS)
image_guest_CFLAGS = $(BP_CFLAGS)
image_guest_LDADD = libimage.la libcommon.la
image_guest_LDFLAGS = $(STATIC_UNLESS_SANITIZED)
if SANITIZERS
STATIC_UNLESS_SANITIZED =
else
STATIC_UNLESS_SANITIZED = -all-static
endif
