package org.loft4j.data.image;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** How the camera of a JPEG was held, or the page of a TIFF lay: tag 0x0112 of Exif 2.3, section 4.6.4, and of TIFF 6.0. */
final class ExifOrientation {
    private static final int EXIF_SEGMENT = 0xffe1;
    private static final int ORIENTATION = 0x0112;
    private static final int TIFF_OF_INTEL = 0x49492a00;
    private static final int TIFF_OF_MOTOROLA = 0x4d4d002a;

    private ExifOrientation() {}

    /**
     * From 1 (upright) to 8; 1 where the file does not say.
     *
     * @param header of these bytes
     */
    static int of(byte[] file, JpegHeader header) {
        try {
            int start = file.length < 4 ? 0 : ByteBuffer.wrap(file).getInt();
            if (start == TIFF_OF_INTEL || start == TIFF_OF_MOTOROLA) {
                return inSegment(ByteBuffer.wrap(file));
            }
            for (JpegHeader.Segment segment : header.segments()) {
                if (segment.marker() == EXIF_SEGMENT && segment.begins("Exif")) {
                    return inSegment(segment.body().slice(6, segment.body().limit() - 6));
                }
            }
            return 1;
        } catch (BufferUnderflowException | IndexOutOfBoundsException | IllegalArgumentException e) {
            // a broken segment: the picture itself may be sound
            return 1;
        }
    }

    private static int inSegment(ByteBuffer tiff) {
        tiff.order(tiff.getShort(0) == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        int directory = tiff.getInt(4);
        int entries = Short.toUnsignedInt(tiff.getShort(directory));
        for (int i = 0; i < entries; i++) {
            int entry = directory + 2 + 12 * i;
            if (Short.toUnsignedInt(tiff.getShort(entry)) == ORIENTATION) {
                int value = Short.toUnsignedInt(tiff.getShort(entry + 8));
                return value >= 1 && value <= 8 ? value : 1;
            }
        }
        return 1;
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
