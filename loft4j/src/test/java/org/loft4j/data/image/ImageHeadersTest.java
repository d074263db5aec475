package org.loft4j.data.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the bytes before the pixels say, made by hand, and the colours that stored values stand for. */
class ImageHeadersTest {
    private static final String FRAME = "08 0010 0010 03 01 11 00 02 11 01 03 11 01";

    /** A JPEG of these segments, each a marker and a body. */
    private static byte[] jpeg(String... segments) {
        StringBuilder file = new StringBuilder("ffd8");
        for (int i = 0; i < segments.length; i += 2) {
            String body = segments[i + 1].replace(" ", "");
            file.append(segments[i])
                    .append(String.format("%04x", body.length() / 2 + 2))
                    .append(body);
        }
        return bytes(file.toString());
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex.replace(" ", ""));
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** A directory of one tag before another, each with numbers of 16 bits. */
    private static byte[] tiff(ByteOrder order, int orientation) {
        ByteBuffer tiff = ByteBuffer.allocate(80).order(order);
        tiff.putShort((short) (order == ByteOrder.LITTLE_ENDIAN ? 0x4949 : 0x4d4d))
                .putShort((short) 42)
                .putInt(8);
        tiff.putShort((short) 3);
        // two numbers fit into their entry, three lie elsewhere
        tiff.putShort((short) 258)
                .putShort((short) 3)
                .putInt(2)
                .putShort((short) 16)
                .putShort((short) 8);
        tiff.putShort((short) TiffTags.SAMPLE_FORMAT)
                .putShort((short) 3)
                .putInt(3)
                .putInt(60);
        tiff.putShort((short) TiffTags.ORIENTATION)
                .putShort((short) 3)
                .putInt(1)
                .putShort((short) orientation);
        tiff.putShort(60, (short) 2);
        return tiff.array();
    }

    private static int orientation(byte[] file) {
        return ExifOrientation.of(file, JpegHeader.of(file));
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "6, 6", "8, 8", "0, 1", "9, 1", "65535, 1"})
    void theOrientationIsReadInBothOrdersOfBytes(int stored, int read) {
        for (ByteOrder order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
            byte[] tiff = tiff(order, stored);
            assertEquals(read, orientation(tiff));
            assertEquals(16, TiffTags.first(ByteBuffer.wrap(tiff), 258, 1));
            assertEquals(2, TiffTags.first(ByteBuffer.wrap(tiff), TiffTags.SAMPLE_FORMAT, 1));
            assertEquals(7, TiffTags.first(ByteBuffer.wrap(tiff), 1, 7));
            String exif = hex("Exif\0\0") + HexFormat.of().formatHex(tiff);
            assertEquals(read, orientation(jpeg("ffe1", exif)));
            assertEquals(read, orientation(jpeg("ffe0", hex("JFIF\0"), "ffe1", hex("http://ns/\0"), "ffe1", exif)));
        }
    }

    @Test
    void whatIsTooShortToBeAnythingIsNothing() {
        for (int length = 0; length < 9; length++) {
            assertFalse(TiffTags.isTiff(new byte[Math.min(3, length)]));
            assertEquals(1, orientation(new byte[length]));
        }
    }

    @Test
    void segmentsMayHaveFillingBeforeThemAndEndWithTheFile() {
        assertEquals(
                2, JpegHeader.of(jpeg("ffe0", "00", "ffe1", "0102")).segments().size());
        assertEquals(1, JpegHeader.of(bytes("ffd8 ff ffe0 0003 00")).segments().size());
        assertEquals(0, JpegHeader.of(bytes("ffd8 00e0 0003 00")).segments().size());
        assertEquals(0, JpegHeader.of(bytes("ffd8 ffe0 0004 00")).segments().size());
    }

    /** A marker that restarts the decoder has no length behind it, and is within a scan. */
    @Test
    void scansAreCountedUpToTheEndOfTheImage() {
        String scan = "ffda 0003 00 1234";
        assertEquals(1, JpegHeader.of(bytes("ffd8" + scan + "ffd9")).scans());
        assertEquals(
                2,
                JpegHeader.of(bytes("ffd8" + scan + "ffd0 0009" + scan + "ffd9 0000"))
                        .scans());
        assertEquals(1, JpegHeader.of(bytes("ffd8" + scan + "ffd9" + scan)).scans());
    }

    @Test
    void componentsAreToldByTheirFrameOrByASegmentBesideIt() {
        String unnamed = FRAME.replace("01 11 00", "07 11 00");
        assertTrue(JpegHeader.of(jpeg("ffc0", unnamed)).isOfUnnamedLuma());
        assertFalse(JpegHeader.of(jpeg("ffc0", FRAME)).isOfUnnamedLuma());
        assertFalse(JpegHeader.of(jpeg("ffe0", hex("JFIF\0"), "ffc0", unnamed)).isOfUnnamedLuma());
        assertFalse(JpegHeader.of(jpeg("ffee", hex("Adobe"), "ffc0", unnamed)).isOfUnnamedLuma());
        assertTrue(JpegHeader.of(jpeg("ffe0", hex("JFXX\0"), "ffc0", unnamed)).isOfUnnamedLuma());
        assertFalse(JpegHeader.of(jpeg("ffc0", "08")).isOfInks());
        assertFalse(JpegHeader.of(jpeg("ffc0", "08 0010 0010 04 01 11 00")).isOfInks());
        assertTrue(JpegHeader.of(jpeg("ffc0", FRAME.replace(" 03 01 11", " 04 01 11") + "04 11 01"))
                .isOfInks());
        assertFalse(JpegHeader.of(jpeg("ffee", hex("Adobe"))).isOfLuma());
        assertFalse(
                JpegHeader.of(jpeg("ffee", hex("Adobe") + "000000000000 00")).isOfLuma());
        assertTrue(JpegHeader.of(jpeg("ffee", hex("Adobe") + "000000000000 02")).isOfLuma());
    }

    /** Other segments may have the marker of a profile. */
    @Test
    void onlyAProfileIsHidden() {
        byte[] file = jpeg("ffe2", hex("MPF\0"), "ffe2", hex("ICC_PROFILE\0") + "0101");
        JpegHeader.of(file).hideProfile();
        assertArrayEquals(jpeg("ffe2", hex("MPF\0"), "ffe2", hex("\0CC_PROFILE\0") + "0101"), file);
    }

    private static WritableRaster raster(int bands) {
        return Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 256, 256, bands, null);
    }

    /** Of all inks before all shades of black: the quotient is rounded. */
    @Test
    void inksTakeTheirShareOfWhite() {
        WritableRaster stored = raster(4);
        for (int ink = 0; ink < 256; ink++) {
            for (int black = 0; black < 256; black++) {
                stored.setPixel(ink, black, new int[] {ink, ink, ink, black});
            }
        }
        byte[] values = Inks.pixels(stored, false).values();
        for (int ink = 0; ink < 256; ink++) {
            for (int black = 0; black < 256; black++) {
                long expected = black - Math.round((255 - ink) * black / 255.0);
                assertEquals(expected, values[3 * (256 * black + ink)] & 0xff, ink + " " + black);
            }
        }
    }

    /** By the formulas of JFIF, rounded but for its factors' own rounding, and cut to what a byte holds. */
    @Test
    void lumaAndDifferencesAreColours() {
        for (int luma : new int[] {0, 100, 255}) {
            WritableRaster stored = raster(3);
            for (int blue = 0; blue < 256; blue++) {
                for (int red = 0; red < 256; red++) {
                    stored.setPixel(blue, red, new int[] {luma, blue, red});
                }
            }
            byte[] values = Luma.pixels(stored).values();
            for (int i = 0; i < 256 * 256; i++) {
                int blue = i % 256 - 128;
                int red = i / 256 - 128;
                assertEquals(cut(luma + 1.402 * red), values[3 * i] & 0xff, 0.502);
                assertEquals(cut(luma - 0.34414 * blue - 0.71414 * red), values[3 * i + 1] & 0xff, 0.502);
                assertEquals(cut(luma + 1.772 * blue), values[3 * i + 2] & 0xff, 0.502);
            }
        }
    }

    private static double cut(double value) {
        return Math.max(0, Math.min(255, value));
    }
}
