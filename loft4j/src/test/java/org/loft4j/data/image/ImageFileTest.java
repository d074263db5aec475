package org.loft4j.data.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.awt.image.RenderedImage;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.DataException;

/** Which colours come out of a file. */
class ImageFileTest {
    private static final int JPEG_PROFILE = 0xffe2;
    private static final int JPEG_ADOBE = 0xffee;

    @TempDir
    Path folder;

    private static BufferedImage drawn(int type) {
        BufferedImage image = new BufferedImage(24, 16, type);
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < 24 * 16; i++) {
            image.setRGB(i % 24, i / 24, 0x303030 + random.nextInt(0x808080));
        }
        return image;
    }

    /** A picture of one row, uncompressed, in Motorola's order of bytes. */
    private Path tiff(int photometric, int bits, int samples, int format, int orientation, int... values)
            throws IOException {
        int[][] tags = {
            {256, values.length * 8 / bits / samples},
            {257, 1},
            {258, bits},
            {259, 1},
            {262, photometric},
            {273, 8 + 2 + 10 * 12 + 4},
            {274, orientation},
            {277, samples},
            {279, values.length},
            {339, format}
        };
        ByteBuffer file = ByteBuffer.allocate(8 + 2 + tags.length * 12 + 4 + values.length);
        file.put("MM".getBytes(StandardCharsets.US_ASCII)).putShort((short) 42).putInt(8);
        file.putShort((short) tags.length);
        for (int[] tag : tags) {
            file.putShort((short) tag[0])
                    .putShort((short) 3)
                    .putInt(1)
                    .putShort((short) tag[1])
                    .putShort((short) 0);
        }
        file.putInt(0);
        for (int value : values) {
            file.put((byte) value);
        }
        return Files.write(folder.resolve("page.tif"), file.array());
    }

    @Test
    void aTiffIsReadAsItIsStored() throws IOException {
        assertTrue(ImageFile.isNamedAsOne(Path.of("a.tif")) && ImageFile.isNamedAsOne(Path.of("a.TIFF")));
        Pixels grey = ImageFile.read(tiff(1, 8, 1, 1, 1, 10, 20, 30));
        assertArrayEquals(new byte[] {10, 20, 30}, grey.values());
        Pixels turned = ImageFile.read(tiff(1, 8, 1, 1, 6, 10, 20, 30));
        assertEquals("3 × 1", turned.height() + " × " + turned.width());
        assertArrayEquals(
                new byte[] {30, 20, 10},
                ImageFile.read(tiff(1, 8, 1, 1, 3, 10, 20, 30)).values());
        assertArrayEquals(
                new byte[] {10, 30},
                ImageFile.read(tiff(1, 16, 1, 1, 1, 10, 99, 30, 99)).values(),
                "the upper bytes");
        assertArrayEquals(
                new byte[] {10, 30},
                ImageFile.read(tiff(1, 8, 1, 4, 1, 10, 30)).values(),
                "of what kind the numbers are is left open");
        Path coloured = folder.resolve("colours.tiff");
        BufferedImage image = drawn(BufferedImage.TYPE_3BYTE_BGR);
        ImageIO.write(image, "tiff", coloured.toFile());
        Path png = folder.resolve("colours.png");
        ImageIO.write(image, "png", png.toFile());
        assertArrayEquals(ImageFile.read(png).values(), ImageFile.read(coloured).values());
    }

    /** Measurements and inks came out as colours that nobody has seen. */
    @Test
    void aTiffOfOtherThanShadesIsRefused() throws IOException {
        Path floats = tiff(1, 32, 1, 3, 1, 0x3f, 0, 0, 0, 0x3f, 0x80, 0, 0);
        String bits =
                assertThrows(DataException.class, () -> ImageFile.read(floats)).getMessage();
        assertTrue(bits.contains("page.tif: must be grey or of red, green and blue"), bits);
        for (int format : new int[] {2, 3}) {
            Path half = tiff(1, 16, 1, format, 1, 0x3c, 0, 0xff, 0xff);
            String signed = assertThrows(DataException.class, () -> ImageFile.read(half))
                    .getMessage();
            assertTrue(signed.contains("but its numbers have a sign or a fraction: convert it to png"), signed);
        }
        // inks of 16 bits, Lab of 8 and of 16, what a camera's sensor has seen
        for (int[] kind : new int[][] {{5, 16, 4}, {8, 8, 3}, {8, 16, 3}, {32803, 8, 1}}) {
            Path other = tiff(kind[0], kind[1], kind[2], 1, 1, new int[2 * kind[2] * kind[1] / 8]);
            String colours = assertThrows(DataException.class, () -> ImageFile.read(other))
                    .getMessage();
            assertTrue(colours.contains("but its colours are others: convert it to png"), colours);
        }
        Path inks = tiff(5, 8, 4, 1, 1, 10, 20, 30, 40, 50, 60, 70, 80);
        String colours =
                assertThrows(DataException.class, () -> ImageFile.read(inks)).getMessage();
        assertTrue(colours.contains("but its colours are others: convert it to png"), colours);
    }

    @ParameterizedTest
    @ValueSource(ints = {ColorSpace.CS_LINEAR_RGB, ColorSpace.CS_sRGB, ColorSpace.CS_GRAY})
    void theProfileOfAJpegChangesNoColour(int profile) throws IOException {
        for (int type : new int[] {BufferedImage.TYPE_3BYTE_BGR, BufferedImage.TYPE_BYTE_GRAY}) {
            byte[] plain = jpeg(drawn(type), null);
            Pixels expected = ImageFile.read(Files.write(folder.resolve("plain.jpg"), plain));
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            body.write("ICC_PROFILE\0\1\1".getBytes(StandardCharsets.ISO_8859_1));
            body.write(ICC_Profile.getInstance(profile).getData());
            Path file = Files.write(folder.resolve("profile.jpg"), with(plain, JPEG_PROFILE, body.toByteArray()));
            Pixels read = ImageFile.read(file);
            assertEquals(expected.channels(), read.channels());
            assertArrayEquals(expected.values(), read.values());
        }
    }

    /** The decoder makes grey what is missing, and warns alone. */
    @Test
    void aJpegThatEndsEarlyIsRefused() throws IOException {
        byte[] whole = jpeg(drawn(BufferedImage.TYPE_3BYTE_BGR), null);
        Path file = folder.resolve("a.jpg");
        Pixels pixels = ImageFile.read(Files.write(file, whole));
        // all the pixels are there without the marker of the end
        Files.write(file, Arrays.copyOf(whole, whole.length - 2));
        assertArrayEquals(pixels.values(), ImageFile.read(file).values());
        for (int kept : new int[] {whole.length * 2 / 3, whole.length - 100}) {
            requireEndsEarly(Files.write(file, Arrays.copyOf(whole, kept)));
        }
    }

    /** Each may have a few bytes, and goes over all pixels. */
    @Test
    void aJpegOfManyScansIsRefused() throws IOException {
        byte[] whole = jpeg(new BufferedImage(2048, 2048, BufferedImage.TYPE_BYTE_GRAY), null);
        byte[] scan = {(byte) 0xff, (byte) 0xda, 0, 6, 1, 1, 0, 1};
        ByteBuffer file = ByteBuffer.allocate(whole.length + 1000 * scan.length).put(whole, 0, whole.length - 2);
        for (int i = 0; i < 1000; i++) {
            file.put(scan);
        }
        file.put(whole, whole.length - 2, 2);
        Path path = Files.write(folder.resolve("a.jpg"), file.array());
        DataException fault = assertThrows(DataException.class, () -> ImageFile.read(path));
        assertTrue(fault.getMessage().contains("4194304 pixels in 1001 scans"), fault.getMessage());
        assertEquals(2048, ImageFile.read(Files.write(path, whole)).width());
        // behind its end there may be anything, such as a film
        assertEquals(
                2048,
                ImageFile.read(Files.write(path, bytes(whole, file.array()))).width());
    }

    private static byte[] bytes(byte[] first, byte[] second) {
        return ByteBuffer.allocate(first.length + second.length)
                .put(first)
                .put(second)
                .array();
    }

    /** Programs write 65,535 and more for "all rows". */
    @Test
    void aStripOfATiffMayHaveMoreRowsThanThePicture() throws IOException {
        int[] values = new int[5000];
        Path file = tiff(1, 8, 1, 1, 1, values);
        byte[] bytes = Files.readAllBytes(file);
        // what is the orientation there, tag 274, becomes the number of rows in a strip, tag 278
        ByteBuffer entries = ByteBuffer.wrap(bytes);
        assertEquals(274, entries.getShort(8 + 2 + 6 * 12));
        entries.putShort(8 + 2 + 6 * 12, (short) 277).putShort(8 + 2 + 6 * 12 + 8, (short) 1);
        entries.putShort(8 + 2 + 7 * 12, (short) 278).putShort(8 + 2 + 7 * 12 + 8, (short) 65535);
        assertEquals(5000, ImageFile.read(Files.write(file, bytes)).width());
    }

    @Test
    void aBitmapThatEndsEarlyIsRefused() throws IOException {
        Path file = folder.resolve("a.bmp");
        assertTrue(ImageIO.write(drawn(BufferedImage.TYPE_3BYTE_BGR), "bmp", file.toFile()));
        requireEndsEarly(Files.write(file, Arrays.copyOf(Files.readAllBytes(file), 600)));
    }

    private static void requireEndsEarly(Path file) {
        DataException fault = assertThrows(DataException.class, () -> ImageFile.read(file));
        assertEquals(
                file + ": must be a whole image, but ends early: get it anew, or take it away", fault.getMessage());
    }

    @Test
    void theProfileOfAPngChangesNoColour() throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (DeflaterOutputStream out = new DeflaterOutputStream(packed)) {
            out.write(ICC_Profile.getInstance(ColorSpace.CS_LINEAR_RGB).getData());
        }
        IIOMetadataNode profile = new IIOMetadataNode("iCCP");
        profile.setAttribute("profileName", "linear");
        profile.setAttribute("compressionMethod", "deflate");
        profile.setUserObject(packed.toByteArray());
        BufferedImage image = drawn(BufferedImage.TYPE_3BYTE_BGR);
        ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
        IIOMetadata metadata = writer.getDefaultImageMetadata(ImageTypeSpecifier.createFromRenderedImage(image), null);
        IIOMetadataNode root = new IIOMetadataNode("javax_imageio_png_1.0");
        root.appendChild(profile);
        metadata.mergeTree("javax_imageio_png_1.0", root);
        Path file = folder.resolve("profile.png");
        write(writer, new IIOImage(image, null, metadata), null, file);
        assertTrue(Files.readString(file, StandardCharsets.ISO_8859_1).contains("iCCP"));
        int rgb = image.getRGB(5, 0);
        Pixels read = ImageFile.read(file);
        for (int c = 0; c < 3; c++) {
            assertEquals(rgb >> 16 - 8 * c & 0xff, read.values()[15 + c] & 0xff);
        }
    }

    /** Stored values and what {@link Inks} says Pillow makes of them, worked out by hand. */
    @ParameterizedTest
    @CsvSource({
        "no Adobe segment, -1, 200:100:50:220, 173:86:43",
        "CMYK, 0, 200:100:50:220, 173:86:43",
        "YCCK, 2, 200:100:50:220, 142:0:90"
    })
    void fourInksAreReadAsPillowDoes(String name, int transform, String stored, String expected) throws IOException {
        String[] inks = stored.split(":");
        WritableRaster raster = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 16, 16, 4, null);
        for (int i = 0; i < 4 * 256; i++) {
            raster.setSample(i / 4 % 16, i / 64, i % 4, Integer.parseInt(inks[i % 4]));
        }
        byte[] plain = jpeg(null, raster);
        byte[] body = {'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, (byte) transform};
        Path file = Files.write(folder.resolve("inks.jpg"), transform < 0 ? plain : with(plain, JPEG_ADOBE, body));
        Pixels read = ImageFile.read(file);
        assertEquals(3, read.channels());
        for (int c = 0; c < 3; c++) {
            assertEquals(Integer.parseInt(expected.split(":")[c]), read.values()[300 + c] & 0xff, 1, name + ", " + c);
        }
    }

    /** A file that does not say what its components are has luma first, unless they go by the letters of colours. */
    @ParameterizedTest
    @CsvSource({"1:2:3, 224:16:16", "0:1:2, 224:16:16", "7:9:8, 224:16:16", "82:71:66, 78:93:232"})
    void threeComponentsOfAnyNameAreReadAsPillowDoes(String names, String expected) throws IOException {
        // 224, 16 and 16 as luma and two differences
        int[] stored = {78, 93, 232};
        WritableRaster raster = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 16, 16, 3, null);
        for (int i = 0; i < 3 * 256; i++) {
            raster.setSample(i / 3 % 16, i / 48, i % 3, stored[i % 3]);
        }
        Path file = Files.write(folder.resolve("named.jpg"), named(jpeg(null, raster), names.split(":")));
        Pixels read = ImageFile.read(file);
        assertEquals(3, read.channels());
        for (int c = 0; c < 3; c++) {
            assertEquals(Integer.parseInt(expected.split(":")[c]), read.values()[300 + c] & 0xff, 2, names + ", " + c);
        }
    }

    /** The same JPEG with other names of its three components, in its frame and in its scan. */
    private static byte[] named(byte[] jpeg, String[] names) {
        byte[] other = jpeg.clone();
        for (int at = 2; ; ) {
            int marker = jpeg[at + 1] & 0xff;
            boolean frame = marker == 0xc0;
            boolean scan = marker == 0xda;
            for (int c = 0; c < 3 && (frame || scan); c++) {
                other[frame ? at + 10 + 3 * c : at + 5 + 2 * c] = (byte) Integer.parseInt(names[c]);
            }
            if (scan) {
                return other;
            }
            at += 2 + ((jpeg[at + 2] & 0xff) << 8 | jpeg[at + 3] & 0xff);
        }
    }

    @Test
    void aDirectoryIsNoImage() {
        assertEquals(
                folder + ": is a directory, not an image: name its images, or read all of them as data (--data)",
                assertThrows(DataException.class, () -> ImageFile.read(folder)).getMessage());
    }

    /** Five or six bits a channel, as Pillow spreads them: times 255 over the largest, without the fraction. */
    @ParameterizedTest
    @CsvSource({
        BufferedImage.TYPE_USHORT_555_RGB + ", 31:16:1, 255:131:8",
        BufferedImage.TYPE_USHORT_565_RGB + ", 31:32:1, 255:129:8"
    })
    void sixteenBitsAPixelAreAsBrightAsTwentyFour(int type, String stored, String expected) throws IOException {
        BufferedImage image = new BufferedImage(1, 1, type);
        for (int c = 0; c < 3; c++) {
            image.getRaster().setSample(0, 0, c, Integer.parseInt(stored.split(":")[c]));
        }
        Path file = folder.resolve("x.bmp");
        assertTrue(ImageIO.write(image, "bmp", file.toFile()));
        byte[] read = ImageFile.read(file).values();
        assertEquals(expected, (read[0] & 0xff) + ":" + (read[1] & 0xff) + ":" + (read[2] & 0xff));
    }

    private byte[] jpeg(@Nullable RenderedImage image, @Nullable Raster raster) throws IOException {
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        ImageWriteParam finest = writer.getDefaultWriteParam();
        finest.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        finest.setCompressionQuality(1);
        Path file = folder.resolve("written.jpg");
        write(writer, image == null ? new IIOImage(raster, null, null) : new IIOImage(image, null, null), finest, file);
        return Files.readAllBytes(file);
    }

    private static void write(ImageWriter writer, IIOImage image, @Nullable ImageWriteParam param, Path file)
            throws IOException {
        Files.deleteIfExists(file);
        try (ImageOutputStream out = ImageIO.createImageOutputStream(file.toFile())) {
            writer.setOutput(out);
            writer.write(null, image, param);
        } finally {
            writer.dispose();
        }
    }

    /** A JPEG with one more segment at its beginning. */
    private static byte[] with(byte[] jpeg, int marker, byte[] body) {
        return ByteBuffer.allocate(jpeg.length + 4 + body.length)
                .put(jpeg, 0, 2)
                .putShort((short) marker)
                .putShort((short) (body.length + 2))
                .put(body)
                .put(jpeg, 2, jpeg.length - 2)
                .array();
    }
}
