package org.loft4j.data.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** What the first directory of a TIFF says of its page (TIFF 6.0, section 2); Exif is written so too. */
final class TiffTags {
    static final int PHOTOMETRIC = 262;
    static final int ORIENTATION = 274;
    static final int TILE_LENGTH = 323;
    static final int SAMPLE_FORMAT = 339;

    private static final int OF_INTEL = 0x49492a00;
    private static final int OF_MOTOROLA = 0x4d4d002a;

    private TiffTags() {}

    /** Whether a file begins as one. */
    static boolean isTiff(byte[] file) {
        int start = file.length < 4 ? 0 : ByteBuffer.wrap(file).getInt();
        return start == OF_INTEL || start == OF_MOTOROLA;
    }

    /**
     * The first of the numbers of 16 bits that a tag has.
     *
     * @param usual what it is where the directory lacks the tag
     * @throws RuntimeException if the directory points out of the bytes
     */
    static int first(ByteBuffer tiff, int tag, int usual) {
        tiff.order(tiff.getShort(0) == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        int directory = tiff.getInt(4);
        int entries = Short.toUnsignedInt(tiff.getShort(directory));
        for (int i = 0; i < entries; i++) {
            int entry = directory + 2 + 12 * i;
            if (Short.toUnsignedInt(tiff.getShort(entry)) == tag) {
                // more than two do not fit into the entry, which then says where they are
                int place = tiff.getInt(entry + 4) > 2 ? tiff.getInt(entry + 8) : entry + 8;
                return Short.toUnsignedInt(tiff.getShort(place));
            }
        }
        return usual;
    }
}
