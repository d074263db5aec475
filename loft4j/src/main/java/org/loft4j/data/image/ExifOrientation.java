package org.loft4j.data.image;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * How the camera of a JPEG or a PNG was held, or the page of a TIFF lay: tag 0x0112 of Exif 2.3, section 4.6.4, and of TIFF 6.0. A PNG has
 * it in a chunk eXIf (PNG 3, section 11.3.4.5).
 */
final class ExifOrientation {
    private static final int EXIF_SEGMENT = 0xffe1;

    private static final long PNG = 0x89504e470d0a1a0aL;
    private static final int EXIF_CHUNK = 0x65584966;

    private ExifOrientation() {}

    /**
     * From 1 (upright) to 8; 1 where the file does not say.
     *
     * @param header of these bytes
     */
    static int of(byte[] file, JpegHeader header) {
        try {
            if (TiffTags.isTiff(file)) {
                return in(ByteBuffer.wrap(file));
            }
            ByteBuffer chunk = exifOfPng(ByteBuffer.wrap(file));
            if (chunk != null) {
                return in(chunk);
            }
            for (JpegHeader.Segment segment : header.segments()) {
                if (segment.marker() == EXIF_SEGMENT && segment.begins("Exif")) {
                    return in(segment.body().slice(6, segment.body().limit() - 6));
                }
            }
            return 1;
        } catch (BufferUnderflowException | IndexOutOfBoundsException | IllegalArgumentException e) {
            // a broken segment: the picture itself may be sound
            return 1;
        }
    }

    /** Null where the file is no PNG, or has none. */
    private static @Nullable ByteBuffer exifOfPng(ByteBuffer file) {
        if (file.limit() < Long.BYTES || file.getLong() != PNG) {
            return null;
        }
        // length, name, content, checksum
        while (file.remaining() >= 12) {
            int length = file.getInt();
            if (file.getInt() == EXIF_CHUNK) {
                return file.slice(file.position(), length);
            }
            file.position(file.position() + length + 4);
        }
        return null;
    }

    private static int in(ByteBuffer tiff) {
        int value = TiffTags.first(tiff, TiffTags.ORIENTATION, 1);
        return value >= 1 && value <= 8 ? value : 1;
    }

    /** Turns a picture upright. */
    static Pixels upright(Pixels image, int orientation) {
        if (orientation == 1) {
            return image;
        }
        boolean turned = orientation >= 5;
        boolean fromBottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
        boolean fromRight = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
        int height = turned ? image.width() : image.height();
        int width = turned ? image.height() : image.width();
        boolean flipsRows = turned ? fromRight : fromBottom;
        boolean flipsColumns = turned ? fromBottom : fromRight;
        return image.moved(
                height,
                width,
                (row, column) -> flip(turned ? column : row, flipsRows, image.height()),
                (row, column) -> flip(turned ? row : column, flipsColumns, image.width()));
    }

    private static int flip(int place, boolean flipped, int size) {
        return flipped ? size - 1 - place : place;
    }
}
