package org.loft4j.data.image;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.loft4j.hostile.HostileFormat;

/** Pictures of each format that can be decoded, and MNIST's. */
class DamagedImagesTest implements HostileFormat {
    @Override
    public List<Path> lay(Path folder) throws IOException {
        List<Path> files = new ArrayList<>();
        for (String format : List.of("png", "jpg", "gif", "bmp")) {
            for (int type : new int[] {
                BufferedImage.TYPE_3BYTE_BGR, BufferedImage.TYPE_BYTE_GRAY, BufferedImage.TYPE_BYTE_INDEXED
            }) {
                Path file = folder.resolve("image" + type + "." + format);
                if (ImageIO.write(drawn(type), format, file.toFile())) {
                    files.add(file);
                }
            }
        }
        files.add(inks(folder.resolve("inks.jpg")));
        byte[] images = ByteBuffer.allocate(16 + 2 * 28 * 28)
                .putInt(0x803)
                .putInt(2)
                .putInt(28)
                .putInt(28)
                .array();
        byte[] labels =
                ByteBuffer.allocate(8 + 2).putInt(0x801).putInt(2).put((byte) 7).array();
        files.add(Files.write(folder.resolve("a-images-idx3-ubyte"), images));
        files.add(Files.write(folder.resolve("a-labels-idx1-ubyte"), labels));
        files.add(Files.write(folder.resolve("b-images-idx3-ubyte.gz"), packed(images)));
        files.add(Files.write(folder.resolve("b-labels-idx1-ubyte.gz"), packed(labels)));
        return files;
    }

    private static BufferedImage drawn(int type) {
        BufferedImage image = new BufferedImage(37, 23, type);
        Graphics2D graphics = image.createGraphics();
        graphics.setColor(Color.ORANGE);
        graphics.fillOval(3, 2, 20, 15);
        graphics.setColor(Color.BLUE);
        graphics.drawLine(0, 22, 36, 0);
        graphics.dispose();
        return image;
    }

    /** A JPEG of cyan, magenta, yellow and black. */
    private static Path inks(Path file) throws IOException {
        WritableRaster raster = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 37, 23, 4, null);
        for (int i = 0; i < 37 * 23; i++) {
            raster.setSample(i % 37, i / 37, i % 4, i & 0xff);
        }
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        try (ImageOutputStream out = ImageIO.createImageOutputStream(file.toFile())) {
            writer.setOutput(out);
            writer.write(new IIOImage(raster, null, null));
        } finally {
            writer.dispose();
        }
        return file;
    }

    private static byte[] packed(byte[] bytes) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            out.write(bytes);
        }
        return packed.toByteArray();
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        String name = damaged.getFileName().toString();
        if (name.contains("ubyte")) {
            LabeledImages all = LabeledImages.read(damaged.resolveSibling(name.replace("labels-idx1", "images-idx3")));
            for (int i = 0; i < Math.min(10, all.size()); i++) {
                all.read(i);
            }
        } else {
            ImageProcessor.plain(3, 28, 28).resized(ImageFile.read(damaged), 3);
        }
    }
}
