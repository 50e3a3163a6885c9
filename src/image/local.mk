# targets of src/image
EXTRA_DIST += src/image/format.h src/image/image.h
