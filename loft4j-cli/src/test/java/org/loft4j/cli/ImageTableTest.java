package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

/** Which images a table may name. */
class ImageTableTest {
    @TempDir
    Path root;

    private Path elsewhere;
    private Path data;

    @BeforeEach
    void layImages() throws IOException {
        elsewhere = Files.createDirectory(root.resolve("elsewhere"));
        data = Files.createDirectory(root.resolve("data"));
        for (Path folder : new Path[] {elsewhere, data}) {
            BufferedImage image = new BufferedImage(4, 4, BufferedImage.TYPE_BYTE_GRAY);
            ImageIO.write(image, "png", folder.resolve("a.png").toFile());
        }
    }

    private int images(Path table, Object... names) throws IOException {
        StringBuilder csv = new StringBuilder("image,label\n");
        for (Object name : names) {
            csv.append(name).append(",x\n");
        }
        Files.writeString(table, csv);
        return new ImageFlags().readAll(table, new DataFlags(), false).size();
    }

    @Test
    void itsOwnFolderAndThoseBelow() throws IOException {
        assertEquals(3, images(data.resolve("t.csv"), "a.png", data.resolve("a.png"), "../data/a.png"));
        assertEquals(2, images(root.resolve("t.csv"), "elsewhere/a.png", elsewhere.resolve("a.png")));
    }

    @Test
    void whatLiesElsewhereIsRefusedWithAWayOut() {
        Path table = data.resolve("t.csv");
        for (Object name : new Object[] {elsewhere.resolve("a.png"), "../elsewhere/a.png"}) {
            var refused = assertThrows(DataException.class, () -> images(table, "a.png", name));
            String message = String.valueOf(refused.getMessage());
            assertTrue(message.contains(table.toString()), message);
            assertTrue(message.contains(name.toString()) && message.contains("put the table into the folder"), message);
        }
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links need a privilege there")
    void linksLeadToOtherDisks() throws IOException {
        Files.createSymbolicLink(data.resolve("disk"), elsewhere);
        Files.createSymbolicLink(root.resolve("linked"), data);
        assertEquals(2, images(data.resolve("t.csv"), "disk/a.png", data.resolve("disk/a.png")));
        assertEquals(
                2,
                images(
                        root.resolve("linked/t.csv"),
                        "disk/a.png",
                        data.toRealPath().resolve("a.png")));
    }
}
