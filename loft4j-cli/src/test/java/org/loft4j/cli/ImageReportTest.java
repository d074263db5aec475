package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;

/** What {@code loft data check} tells of images. */
class ImageReportTest {
    @TempDir
    Path directory;

    private Path model;
    private Path sides;

    @BeforeEach
    void prepare() throws IOException {
        // weights are not asked for
        model = Files.createDirectory(directory.resolve("model"));
        Json.write(
                model.resolve("config.json"),
                Map.of(
                        "architectures", List.of("ViTForImageClassification"),
                        "model_type", "vit",
                        "hidden_size", 16,
                        "num_hidden_layers", 1,
                        "num_attention_heads", 2,
                        "intermediate_size", 32,
                        "image_size", 8,
                        "patch_size", 4,
                        "num_channels", 1));
        sides = pictures("sides", "left", "right");
    }

    /** Of two classes, 3 of the first and 2 of the second. */
    private Path pictures(String name, String first, String second) throws IOException {
        Path root = directory.resolve(name);
        for (int i = 0; i < 5; i++) {
            Path folder = Files.createDirectories(root.resolve(i < 3 ? first : second));
            BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_GRAY);
            image.getRaster().setSample(i, 0, 0, 200);
            ImageIO.write(image, "png", folder.resolve(i + ".png").toFile());
        }
        return root;
    }

    private Captured check(Path images, String... more) {
        List<String> call = new ArrayList<>(List.of("data", "check", images.toString(), "--model", model.toString()));
        call.addAll(Arrays.asList(more));
        return Captured.loft(call.toArray(String[]::new));
    }

    private static JsonNode training(Captured checked) throws IOException {
        return new ObjectMapper().readTree(checked.out()).get("training_images");
    }

    /** All of them, and not the first alone. */
    @Test
    void rowsOfATableThatCannotBeUsedAreToldWithTheRest() throws IOException {
        Path table = Files.writeString(
                sides.resolve("images.csv"), "image,label\nnope.png,a\nleft/0.png,\n,b\nleft/1.png,a\nright/3.png,b\n");
        Captured checked = check(table, "--json");
        assertEquals(1, checked.status(), checked.err());
        assertEquals("", checked.err());
        String stops = new ObjectMapper().readTree(checked.out()).get("faults").toString();
        for (String fault :
                new String[] {"line 2: ", "line 3: \\\"label\\\" is empty", "line 4: \\\"image\\\" is empty"}) {
            assertTrue(stops.contains(fault), stops);
        }
        assertEquals(2, training(checked).get("labels").size(), checked.out());
    }

    @Test
    void badPicturesAreToldByNameWithTheCountsOfTheirClasses() throws IOException {
        Captured whole = check(sides, "--json");
        assertEquals(0, whole.status(), whole.err());
        assertEquals("{\"left\":3,\"right\":2}", training(whole).get("labels").toString());
        byte[] picture = Files.readAllBytes(sides.resolve("left/1.png"));
        Files.write(sides.resolve("left/1.png"), Arrays.copyOf(picture, picture.length / 2));
        Files.writeString(sides.resolve("right/3.png"), "no picture");
        Files.writeString(sides.resolve("right/4.webp"), "");
        Path table = sides.resolve("images.csv");
        Files.writeString(table, "image,label\nleft/0.png,a\nleft/1.png,b\nright/3.png,b\n");
        for (Path some : new Path[] {sides, table}) {
            Captured checked = check(some, "--json");
            assertEquals(1, checked.status(), checked.err());
            JsonNode found = training(checked);
            assertEquals(
                    some.equals(table) ? "{\"b\":2}" : "{\"left\":1,\"right\":1}",
                    found.get("unusable").toString());
            assertEquals(2, found.get("faults").size());
            assertTrue(found.at("/faults/0").asText().contains("1.png: "), found.toString());
            assertTrue(found.at("/faults/1").asText().contains("3.png: "), found.toString());
        }
        assertEquals("1 .webp", training(check(sides, "--json")).get("left_out").asText());
    }

    @Test
    void everyRowThatNamesNoImageIsToldAndTheOthersAreOpened() throws IOException {
        Files.writeString(sides.resolve("right/3.png"), "no picture");
        String rows = "image,label\nleft/0.png,a\nleft/8.png,b\nright/3.png,b\nright/9.png,b\n/out.png,a\n";
        Path table = Files.writeString(sides.resolve("images.csv"), rows);
        Path several = Files.writeString(
                sides.resolve("several.csv"),
                rows.replace("label", "a,b").replace("png,a", "png,1,0").replace("png,b", "png,1,1"));
        for (Path some : new Path[] {table, several}) {
            Captured checked = some.equals(table)
                    ? check(some, "--json", "--eval-data", some.toString())
                    : check(
                            some,
                            "--json",
                            "--eval-data",
                            some.toString(),
                            "--problem-type",
                            "multi_label_classification",
                            "--label-columns",
                            "a,b");
            assertEquals(1, checked.status(), checked.err());
            JsonNode stops = new ObjectMapper().readTree(checked.out()).get("faults");
            assertEquals(6, stops.size(), checked.out());
            assertTrue(stops.get(0).asText().startsWith(some + ", line 3: names "), stops.toString());
            assertTrue(stops.get(1).asText().startsWith(some + ", line 5: names "), stops.toString());
            assertTrue(stops.get(2).asText().startsWith(some + ", line 6: names "), stops.toString());
            assertEquals(2, training(checked).get("images").asInt());
            assertTrue(training(checked).at("/faults/0").asText().contains("3.png: "), checked.out());
        }
        Captured text = check(table);
        assertTrue(text.out().endsWith("4 faults stop a training on this data\n"), text.out());
        Captured classes = check(sides, "--classes", "left,middle");
        assertEquals(1, classes.status(), classes.err());
        assertTrue(classes.out().contains("has no image of class middle"), classes.out());
        Captured texts = check(table, "--source-language", "F");
        assertEquals(2, texts.status(), texts.out());
        assertTrue(texts.err().contains("--source-language is for "), texts.err());
    }

    @Test
    void aClassThatIsHeldOutAloneStopsATrainingToo() throws IOException {
        Path other = pictures("other", "left", "dark");
        Files.writeString(other.resolve("left/2.png"), "");
        Captured held = check(sides, "--eval-data", other.toString());
        assertEquals(1, held.status(), held.err());
        assertTrue(held.out().contains("held-out images: 5 images in " + other + "\n"), held.out());
        assertTrue(held.out().contains("2.png: "), held.out());
        assertTrue(held.out().contains("dark"), held.out());
        assertTrue(held.out().endsWith("2 faults stop a training on this data\n"), held.out());
        assertEquals(0, check(sides, "--eval-data", sides.toString()).status());
        Json.write(model.resolve("config.json"), Map.of("model_type", "bert", "architectures", List.of("BertModel")));
        Captured ofTexts = check(sides);
        assertEquals(2, ofTexts.status(), ofTexts.out());
        assertTrue(ofTexts.err().contains("sides is not a file, and "), ofTexts.err());
    }

    @Test
    void imagesAreInOneFolder() throws IOException {
        Path other = pictures("other", "left", "right");
        Captured two = check(sides, other.toString());
        assertEquals(2, two.status(), two.out());
        assertTrue(two.err().contains("images are read from one folder or file"), two.err());
    }
}
