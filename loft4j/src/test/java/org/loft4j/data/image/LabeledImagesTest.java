package org.loft4j.data.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.DataException;

class LabeledImagesTest {
    @TempDir
    Path folder;

    @Test
    void aFolderForEachClass() throws IOException {
        for (String label : new String[] {"cat", "dog"}) {
            Files.createDirectory(folder.resolve(label));
            write(coloured(), folder.resolve(label).resolve("1.png"), "png");
            Files.writeString(folder.resolve(label).resolve("notes.txt"), "no image");
        }
        Files.createDirectory(folder.resolve(".hidden"));
        LabeledImages images = LabeledImages.read(folder);
        assertEquals(2, images.size());
        assertEquals("dog", images.label(1));
        assertEquals(1, images.select(i -> images.label(i).equals("cat")).size());
        assertArrayEquals(new byte[] {10, 20, 30, 40, 50, 60}, images.read(0).values());
    }

    @Test
    void picturesLieAtAnyDepthAndWhatIsLeftOutIsCounted() throws IOException {
        for (String name :
                new String[] {"cat/1.png", "cat/old/2.jfif", "cat/old/.kept/3.png", "cat/.4.png", "dog/5.PNG"}) {
            Files.createDirectories(folder.resolve(name).getParent());
            write(coloured(), folder.resolve(name), name.endsWith("jfif") ? "jpg" : "png");
        }
        for (String name : new String[] {"cat/6.webp", "cat/old/7.WEBP", "dog/notes.txt", "dog/README", "8.webp"}) {
            Files.writeString(folder.resolve(name), "no image");
        }
        LabeledImages images = LabeledImages.read(folder);
        assertEquals(3, images.size());
        assertEquals(List.of("cat", "cat", "dog"), List.of(images.label(0), images.label(1), images.label(2)));
        assertEquals(folder.resolve("cat/old/2.jfif").toString(), images.name(1));
        assertEquals(2, images.read(1).width());
        assertEquals("1 without an ending, 1 .txt, 2 .webp", images.leftOut());
        assertEquals(images.leftOut(), images.select(i -> i == 0).leftOut());
    }

    @Test
    void aClassNoneOfWhichCanBeReadIsRefused() throws IOException {
        for (String label : new String[] {"cat", "dog", "empty", "fox"}) {
            Files.createDirectory(folder.resolve(label));
        }
        write(coloured(), folder.resolve("cat/1.png"), "png");
        write(coloured(), folder.resolve("fox/1.png"), "png");
        Files.writeString(folder.resolve("dog/1.webp"), "WEBP");
        Files.writeString(folder.resolve("dog/2.webp"), "WEBP");
        String fault = fault(folder);
        assertTrue(fault.startsWith(folder.resolve("dog") + ": has no image that can be read"), fault);
        assertTrue(fault.contains("but 2 .webp: convert them to png"), fault);
        assertEquals(
                2, LabeledImages.read(folder, label -> !label.equals("dog")).size());
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links need a privilege there")
    void aLinkToAFolderAboveIsRefused() throws IOException {
        Files.createDirectory(folder.resolve("cat"));
        Files.createSymbolicLink(folder.resolve("cat/again"), folder);
        assertTrue(fault(folder).contains("has a link to a folder that the link lies in"), fault(folder));
    }

    @Test
    void someOfTheImagesAreOfAllClasses() throws IOException {
        for (int i = 0; i < 300; i++) {
            Path file = folder.resolve("class" + i / 100).resolve(i + ".png");
            Files.createDirectories(file.getParent());
            Files.writeString(file, "never decoded");
        }
        LabeledImages all = LabeledImages.read(folder);
        LabeledImages some = all.atMost(60);
        assertEquals(60, some.size());
        for (int c = 0; c < 3; c++) {
            String label = "class" + c;
            int share = some.select(i -> some.label(i).equals(label)).size();
            assertTrue(share > 8 && share < 32, label + " has " + share);
        }
        Set<String> more = names(all.atMost(90));
        assertTrue(more.containsAll(names(some)));
        assertEquals(names(some), names(LabeledImages.read(folder).atMost(60)));
        assertEquals(300, all.atMost(1000).size());

        idx(folder.resolve("images-idx3-ubyte"), 3, new int[] {4, 1, 1}, new byte[] {1, 2, 3, 4});
        idx(folder.resolve("labels-idx1-ubyte"), 1, new int[] {4}, new byte[] {0, 1, 0, 1});
        LabeledImages first =
                LabeledImages.read(folder.resolve("images-idx3-ubyte")).atMost(2);
        assertEquals(2, first.size());
        assertArrayEquals(new byte[] {2}, first.read(1).values());
    }

    private static Set<String> names(LabeledImages images) {
        return IntStream.range(0, images.size()).mapToObj(images::name).collect(Collectors.toSet());
    }

    @ParameterizedTest
    @CsvSource({
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz",
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte",
        "x-images.idx3-ubyte, x-labels.idx1-ubyte",
        "x-images.idx3-ubyte, x-labels.idx1-ubyte.gz"
    })
    void idxFilesWithTheirLabelsBesideThem(String imageName, String labelName) throws IOException {
        idx(folder.resolve(imageName), 3, new int[] {2, 1, 3}, new byte[] {1, 2, 3, (byte) 200, 5, 6});
        DataException alone = assertThrows(DataException.class, () -> LabeledImages.read(folder.resolve(imageName)));
        assertTrue(alone.getMessage().contains("needs its labels beside it"), alone.getMessage());
        idx(folder.resolve(labelName), 1, new int[] {2}, new byte[] {7, 9});
        LabeledImages images = LabeledImages.read(folder.resolve(imageName));
        assertEquals("9", images.label(1));
        assertArrayEquals(new byte[] {(byte) 200, 5, 6}, images.read(1).values());
        assertArrayEquals(
                new byte[] {(byte) 200, 5, 6},
                images.select(i -> i == 1).read(0).values());
    }

    /** Also of those that were chosen before. */
    @Test
    void whatIsChosenKeepsItsPictureItsLabelAndItsName() throws IOException {
        Path file = folder.resolve("images-idx3-ubyte");
        idx(file, 3, new int[] {4, 1, 1}, new byte[] {1, 2, 3, 4});
        idx(folder.resolve("labels-idx1-ubyte"), 1, new int[] {4}, new byte[] {0, 1, 2, (byte) 200});
        LabeledImages later = LabeledImages.read(file).select(i -> i > 0).select(i -> i > 1);
        assertEquals(1, later.size());
        assertEquals("200", later.label(0));
        assertEquals(file + ", image 3", later.name(0));
        assertArrayEquals(new byte[] {4}, later.read(0).values());
        idx(folder.resolve("labels-idx1-ubyte"), 1, new int[] {3}, new byte[3]);
        assertTrue(fault(file).contains("must have a label for each of 4 images, has 3"), fault(file));
        List<Path> files = List.of(file, file.resolveSibling("labels-idx1-ubyte"));
        LabeledImages several = LabeledImages.ofSeveral(folder, files, List.of(List.of("a"), List.of("b", "c")));
        assertEquals(List.of("b", "c"), several.select(i -> i == 1).labels(0));
        List<Path> missing = List.of(folder.resolve("missing.png"));
        assertThrows(DataException.class, () -> LabeledImages.of(folder, missing, List.of("a")));
    }

    @Test
    void whatIsHiddenIsNoClassAndClassesMayBeLeftOut() throws IOException {
        Path picture = Files.createDirectories(folder.resolve("cat")).resolve("a.png");
        Files.write(picture, new byte[] {1});
        Files.write(Files.createDirectories(folder.resolve(".hidden")).resolve("b.png"), new byte[] {1});
        LabeledImages images = LabeledImages.read(folder);
        assertEquals(Set.of(picture.toString()), names(images));
        assertEquals(0, LabeledImages.read(folder, label -> false).size());
        byte[] before = images.identity(0);
        Files.write(picture, new byte[] {1, 2});
        assertFalse(Arrays.equals(before, images.identity(0)), "another length is another picture");
    }

    @Test
    void idxFilesThatLieAreRefused() throws IOException {
        Path images = folder.resolve("images-idx3-ubyte");
        idx(images, 3, new int[] {2, 2, 2}, new byte[7]);
        assertTrue(fault(images).contains("must hold 8 values by its header, but holds only 7"));
        idx(images, 3, new int[] {2, 2, 2}, new byte[9]);
        assertTrue(fault(images).contains("but holds more"));
        idx(images, 3, new int[] {-1, 2, 2}, new byte[8]);
        assertTrue(fault(images).contains("has a dimension of 4294967295"));
        idx(images, 3, new int[] {65536, 65536, 1}, new byte[8]);
        assertTrue(fault(images).contains("more values than fit"));
        Files.write(images, new byte[] {0, 0, 8});
        assertTrue(fault(images).contains("ends within its header"));
        Files.write(images, new byte[] {0, 0, 13, 3, 0, 0, 0, 1});
        assertTrue(fault(images).contains("begins with 0xd03"));
        Files.write(images, new byte[] {1, 0, 8, 3, 0, 0, 0, 1});
        assertTrue(fault(images).contains("begins with 0x1000803"));
        idx(images, 3, new int[] {2, 0, 2}, new byte[0]);
        assertTrue(fault(images).contains("has a dimension of 0"));
        Path zipped = folder.resolve("images-idx3-ubyte.gz");
        Files.write(zipped, new byte[] {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1});
        assertTrue(fault(zipped).contains("gzip"), fault(zipped));
    }

    @Test
    void aFileThatIsNoImageIsNamed() throws IOException {
        Path file = Files.writeString(folder.resolve("broken.png"), "not an image");
        assertTrue(assertThrows(DataException.class, () -> ImageFile.read(file))
                .getMessage()
                .contains("broken.png"));
    }

    @Test
    void greyIsReadAsItIsStoredAndTransparencyDropped() throws IOException {
        BufferedImage grey = new BufferedImage(2, 1, BufferedImage.TYPE_BYTE_GRAY);
        grey.getRaster().setSample(0, 0, 0, 100);
        write(grey, folder.resolve("grey.png"), "png");
        Pixels read = ImageFile.read(folder.resolve("grey.png"));
        assertEquals(1, read.channels());
        assertArrayEquals(new byte[] {100, 0}, read.values());

        BufferedImage clear = new BufferedImage(1, 1, BufferedImage.TYPE_INT_ARGB);
        clear.setRGB(0, 0, 0x400a141e);
        write(clear, folder.resolve("clear.png"), "png");
        assertArrayEquals(
                new byte[] {10, 20, 30},
                ImageFile.read(folder.resolve("clear.png")).values());
    }

    @ParameterizedTest
    @CsvSource({
        "1, 0:1:2:3:4:5",
        "2, 2:1:0:5:4:3",
        "3, 5:4:3:2:1:0",
        "4, 3:4:5:0:1:2",
        "5, 0:3:1:4:2:5",
        "6, 3:0:4:1:5:2",
        "7, 5:2:4:1:3:0",
        "8, 2:5:1:4:0:3"
    })
    void theCamerasOrientationIsUndone(int orientation, String expected) throws IOException {
        // what the stored rows 0 1 2 / 3 4 5 look like upright, by the table of Exif's orientations
        Pixels stored = new Pixels(2, 3, 1, new byte[] {0, 1, 2, 3, 4, 5});
        StringBuilder shown = new StringBuilder();
        for (byte value : ExifOrientation.upright(stored, orientation).values()) {
            shown.append(shown.isEmpty() ? "" : ":").append(value);
        }
        assertEquals(expected, shown.toString());
        byte[] file = jpeg(orientation);
        assertEquals(orientation, ExifOrientation.of(file, JpegHeader.of(file)));
        byte[] png = png(orientation);
        assertEquals(orientation, ExifOrientation.of(png, JpegHeader.of(png)));
        byte[] endless = java.util.Arrays.copyOf(png, png.length - 8);
        assertEquals(1, ExifOrientation.of(endless, JpegHeader.of(endless)));
        byte[] cut = java.util.Arrays.copyOf(file, 25);
        assertEquals(1, ExifOrientation.of(cut, JpegHeader.of(cut)));
    }

    /** The beginning of a PNG with a header and an Exif chunk. */
    private static byte[] png(int orientation) {
        ByteBuffer file = ByteBuffer.allocate(8 + 12 + 13 + 12 + 26);
        file.putLong(0x89504e470d0a1a0aL);
        file.putInt(13).put("IHDR".getBytes(StandardCharsets.US_ASCII)).put(new byte[13 + 4]);
        file.putInt(26).put("eXIf".getBytes(StandardCharsets.US_ASCII)).put(tiff(orientation));
        return file.array();
    }

    private static byte[] tiff(int orientation) {
        ByteBuffer tiff = ByteBuffer.allocate(26);
        tiff.put("MM".getBytes(StandardCharsets.US_ASCII)).putShort((short) 42).putInt(8);
        tiff.putShort((short) 1).putShort((short) 0x0112).putShort((short) 3).putInt(1);
        tiff.putShort((short) orientation).putShort((short) 0).putInt(0);
        return tiff.array();
    }

    /** The beginning of a JPEG with an Exif segment. */
    private static byte[] jpeg(int orientation) {
        ByteBuffer file = ByteBuffer.allocate(64);
        file.putShort((short) 0xffd8)
                .putShort((short) 0xffe0)
                .putShort((short) 4)
                .putShort((short) 0);
        file.putShort((short) 0xffe1).putShort((short) (2 + 6 + 26));
        file.put("Exif\0\0".getBytes(StandardCharsets.US_ASCII)).put(tiff(orientation));
        return file.array();
    }

    private static BufferedImage coloured() {
        BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_INT_RGB);
        image.setRGB(0, 0, 0x0a141e);
        image.setRGB(1, 0, 0x28323c);
        return image;
    }

    private static void write(BufferedImage image, Path file, String format) throws IOException {
        assertTrue(ImageIO.write(image, format, file.toFile()));
    }

    private static void idx(Path file, int dimensions, int[] shape, byte[] values) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(4 + 4 * shape.length).putInt(0x800 | dimensions);
        for (int size : shape) {
            header.putInt(size);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = file.toString().endsWith(".gz") ? new GZIPOutputStream(bytes) : bytes) {
            out.write(header.array());
            out.write(values);
        }
        Files.write(file, bytes.toByteArray());
    }

    private static String fault(Path file) {
        return assertThrows(DataException.class, () -> LabeledImages.read(file)).getMessage();
    }
}
