package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;

/** A vision transformer from its configuration alone, then adapted to other classes: train, judge, predict. */
class ImagesEndToEndTest {
    @TempDir
    Path directory;

    private Path model;

    @BeforeEach
    void prepare() throws IOException {
        model = Files.createDirectory(directory.resolve("model"));
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", new String[] {"ViTForImageClassification"});
        config.put("model_type", "vit");
        config.put("hidden_size", 16);
        config.put("num_hidden_layers", 1);
        config.put("num_attention_heads", 2);
        config.put("intermediate_size", 32);
        config.put("image_size", 8);
        config.put("patch_size", 4);
        config.put("num_channels", 1);
        Json.write(model.resolve("config.json"), config);
    }

    @Test
    void fromScratchThenAdaptedToOtherClasses() throws IOException {
        Path shades = pictures("shades", "dark", "light");
        Path base = directory.resolve("base");
        Captured trained = fromScratch(
                shades,
                base,
                "--epochs",
                "20",
                "--batch-size",
                "8",
                "--learning-rate",
                "3e-3",
                "--augment",
                "flip,shift",
                "--json");
        assertEquals("finished", json(trained).get("outcome").asText());
        JsonNode scores =
                json(Captured.loft("eval", "--model", base.toString(), "--data", shades.toString(), "--json"));
        assertTrue(scores.get("accuracy").asDouble() > 0.95, scores.toString());
        assertEquals(32, scores.get("rows").asInt());
        assertEquals(
                "ViTForImageClassification",
                Json.read(base.resolve("config.json")).strings("architectures").get(0));

        String card = Files.readString(base.resolve("README.md"));
        assertTrue(card.contains("# Model trained from scratch") && !card.contains("base_model"), card);

        Path sides = table(pictures("sides", "left", "right"));
        Path run = directory.resolve("run");
        json(Captured.loft(
                "train",
                "--model",
                base.toString(),
                "--data",
                sides.toString(),
                "--rank",
                "4",
                "--epochs",
                "60",
                "--batch-size",
                "8",
                "--learning-rate",
                "3e-3",
                "--output",
                run.toString(),
                "--json"));
        for (String flag : List.of("--dimensions", "--similarity-scale", "--query-prompt")) {
            Captured refused =
                    Captured.loft("eval", "--adapter", run.toString(), "--data", sides.toString(), flag, "3");
            assertEquals(2, refused.status(), refused.err());
            assertTrue(refused.err().contains(flag + " is of sentence embeddings"), refused.err());
        }
        scores = json(Captured.loft("eval", "--adapter", run.toString(), "--data", sides.toString(), "--json"));
        assertTrue(scores.get("accuracy").asDouble() > 0.95, scores.toString());
        card = Files.readString(run.resolve("README.md"));
        assertTrue(card.contains("base_model: "), card);
        Path one = directory.resolve("sides/right/3.png");
        JsonNode prediction = json(Captured.loft(
                        "predict", "--adapter", run.toString(), "--image", one.toString(), "--json"))
                .get("predictions")
                .get(0);
        assertEquals("right", prediction.get("label").asText());
        assertEquals(one.toString(), prediction.get("image").asText());
        Path further = directory.resolve("further");
        Captured still = Captured.loft(
                "train",
                "--adapter",
                run.toString(),
                "--data",
                sides.toString(),
                "--max-steps",
                "1",
                "--learning-rate",
                "1e-20",
                "--head-learning-rate",
                "1e-20",
                "--output",
                further.toString());
        assertEquals(0, still.status(), still.err());
        JsonNode same =
                json(Captured.loft("eval", "--adapter", further.toString(), "--data", sides.toString(), "--json"));
        assertEquals(scores.get("loss"), same.get("loss"));
        // some of one class alone, and another class
        Captured rights = Captured.loft(
                "train",
                "--adapter",
                run.toString(),
                "--data",
                Files.writeString(
                                directory.resolve("sides/rights.csv"),
                                "image,label\nright/0.png,right\nright/1.png,right\n")
                        .toString(),
                "--max-steps",
                "1",
                "--output",
                directory.resolve("rights").toString());
        assertEquals(0, rights.status(), rights.err());
        assertTrue(rights.err().contains("; all of them have one label, \"right\""), rights.err());
        Captured others = Captured.loft(
                "train",
                "--adapter",
                run.toString(),
                "--data",
                shades.toString(),
                "--output",
                directory.resolve("others").toString());
        assertEquals(2, others.status(), others.err());
        assertTrue(others.err().contains("tells \"left\", \"right\" apart, and the data has \"dark\""), others.err());
        folderAndTableArePredicted(run);
    }

    private void folderAndTableArePredicted(Path run) throws IOException {
        Path sides = directory.resolve("sides");
        Files.writeString(sides.resolve("notes.txt"), "no image");
        Captured all = Captured.loft("predict", "--adapter", run.toString(), "--data", sides.toString());
        assertEquals(0, all.status(), all.err());
        List<String> files = all.out().lines().map(line -> line.split("\t")[2]).toList();
        assertEquals(32, files.size());
        assertEquals(files.stream().sorted().toList(), files);
        assertTrue(files.contains(sides.resolve("right").resolve("3.png").toString()), all.out());
        assertEquals("loft: 32 images; left out, since they cannot be read: 2 .csv, 1 .txt\n", all.err());
        Path table = Files.writeString(directory.resolve("asked.csv"), "image\nsides/left/1.png\nsides/right/1.png\n");
        Captured some = Captured.loft("predict", "--adapter", run.toString(), "--data", table.toString());
        assertEquals(0, some.status(), some.err());
        assertEquals(
                List.of("left", "right"),
                some.out().lines().map(line -> line.split("\t")[0]).toList());
        Path empty = Files.createDirectory(directory.resolve("none"));
        Captured none = Captured.loft("predict", "--adapter", run.toString(), "--data", empty.toString());
        assertTrue(none.err().contains(empty + ": has no image that can be read (bmp, "), none.err());
        Captured absent = Captured.loft("predict", "--adapter", run.toString(), "--text", "a");
        assertTrue(absent.err().contains("a folder or a table of them with --data"), absent.err());
    }

    /** The checkpoint of a model that is trained in full is one that prepares images as the training did. */
    @Test
    void aCheckpointIsJudgedAsTheResultIs() throws IOException {
        Path shades = pictures("shades", "dark", "light");
        Files.writeString(
                model.resolve("preprocessor_config.json"),
                "{\"size\": 8, \"image_mean\": [0.1], \"image_std\": [0.05], \"image_processor_type\": \"ViTImageProcessor\"}");
        Path base = directory.resolve("base");
        json(fromScratch(shades, base, "--epochs", "1", "--batch-size", "8", "--save-steps", "4", "--json"));
        JsonNode result = json(eval(base, shades));
        JsonNode checkpoint = json(eval(base.resolve("checkpoint-4"), shades));
        assertEquals(result.get("loss"), checkpoint.get("loss"));
        Files.delete(base.resolve("preprocessor_config.json"));
        assertNotEquals(result.get("loss"), json(eval(base, shades)).get("loss"), "prepared otherwise");
    }

    /** Positions are interpolated to the images that preprocessor_config.json makes. */
    @Test
    void dinov2ReadsImagesOfAnotherSizeThanItsOwn() throws IOException {
        Path config = model.resolve("config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replace("\"vit\"", "\"dinov2_with_registers\"")
                        .replace("ViTFor", "Dinov2WithRegistersFor")
                        .replace("\"intermediate_size\"", "\"mlp_ratio\"")
                        .replaceFirst("32", "2"));
        Files.writeString(
                model.resolve("preprocessor_config.json"),
                "{\"image_processor_type\": \"BitImageProcessor\", \"size\": {\"shortest_edge\": 14}, \"crop_size\": 12,"
                        + " \"image_mean\": [0.5], \"image_std\": [0.25]}");
        Path shades = pictures("shades", "dark", "light");
        Path base = directory.resolve("base");
        json(fromScratch(shades, base, "--epochs", "10", "--batch-size", "8", "--learning-rate", "3e-3", "--json"));
        JsonNode scores = json(eval(base, shades));
        assertTrue(scores.get("accuracy").asDouble() > 0.95, scores.toString());
        assertEquals(
                "Dinov2WithRegistersForImageClassification",
                Json.read(base.resolve("config.json")).strings("architectures").get(0));

        Path sides = table(pictures("sides", "left", "right"));
        Path run = directory.resolve("run");
        List<String> call = new ArrayList<>(List.of("train", "--model", base.toString(), "--data", sides.toString()));
        call.addAll(List.of("--epochs", "2", "--save-steps", "2", "--output", run.toString(), "--json"));
        List<String> dry = new ArrayList<>(call);
        dry.add("--dry-run");
        JsonNode shown = json(Captured.loft(dry.toArray(String[]::new)));
        assertTrue(shown.has("memory_bytes"), shown.toString());
        json(Captured.loft(call.toArray(String[]::new)));
        JsonNode adapted =
                json(Captured.loft("eval", "--adapter", run.toString(), "--data", sides.toString(), "--json"));
        Path merged = directory.resolve("merged");
        Captured merge = Captured.loft(
                "merge", "--model", base.toString(), "--adapter", run.toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        assertEquals(
                adapted.get("loss").asDouble(),
                json(eval(merged, sides)).get("loss").asDouble(),
                1e-5);
    }

    private static Captured eval(Path model, Path data) {
        return Captured.loft("eval", "--model", model.toString(), "--data", data.toString(), "--json");
    }

    @Test
    void whatDoesNotFitIsSaidEarly() throws IOException {
        Path shades = pictures("shades", "dark", "light");
        String[] adapter = {
            "train",
            "--model",
            model.toString(),
            "--from-scratch",
            "--data",
            shades.toString(),
            "--output",
            directory.resolve("x").toString()
        };
        Captured scratch = Captured.loft(adapter);
        assertEquals(2, scratch.status());
        assertTrue(scratch.err().contains("--from-scratch needs --method full"), scratch.err());

        Files.writeString(shades.resolve("dark/0.png"), "no picture");
        Captured broken = fromScratch(shades, directory.resolve("y"));
        assertEquals(1, broken.status());
        assertTrue(broken.err().contains("0.png"), broken.err());

        Captured unknown = fromScratch(shades, directory.resolve("z"), "--classes", "dark,purple");
        assertEquals(1, unknown.status());
        assertTrue(unknown.err().contains("has no image of class purple"), unknown.err());
    }

    private Path base(Path data) throws IOException {
        Path base = directory.resolve("base");
        json(fromScratch(data, base, "--epochs", "1", "--json"));
        return base;
    }

    private Captured fromScratch(Path data, Path output, String... more) {
        List<String> call =
                new ArrayList<>(List.of("train", "--model", model.toString(), "--from-scratch", "--method", "full"));
        call.addAll(List.of("--data", data.toString(), "--output", output.toString()));
        call.addAll(List.of(more));
        return Captured.loft(call.toArray(String[]::new));
    }

    @Test
    void aModuleThatIsTrainedStaysInFullOverAQuantisedBase() throws IOException {
        Path shades = pictures("shades", "dark", "light");
        String[] call = {
            "train",
            "--model",
            base(shades).toString(),
            "--data",
            shades.toString(),
            "--load-in",
            "4bit",
            "--modules-to-save",
            "vit.encoder.layer.0.output.dense",
            "--target-modules",
            "query,value",
            "--epochs",
            "1",
            "--output",
            directory.resolve("run").toString(),
            "--json"
        };
        assertEquals("finished", json(Captured.loft(call)).get("outcome").asText());
    }

    @Test
    void classesOfOneNameAreJudgedAndToldApart() throws IOException {
        Path shades = pictures("shades", "dark", "light");
        Path base = base(shades);
        // a model of others has no such file, whose labels would go before those of config.json
        Files.delete(base.resolve("loft_task.json"));
        Path config = base.resolve("config.json");
        Files.writeString(config, Files.readString(config).replaceFirst(":\\s*\"dark\"", ": \"light\""));
        Captured judged = Captured.loft(
                "eval", "--model", base.toString(), "--data", shades.toString(), "--classes", "light", "--json");
        assertEquals(16, json(judged).get("rows").asInt());
        String image = shades.resolve("light/3.png").toString();
        JsonNode prediction = json(Captured.loft("predict", "--model", base.toString(), "--image", image, "--json"))
                .get("predictions")
                .get(0);
        assertEquals(2, prediction.get("probabilities").size(), prediction.toString());
        assertTrue(prediction.get("probabilities").has("light (1)"), prediction.toString());
        assertTrue(prediction.get("label").asText().startsWith("light ("), prediction.toString());
    }

    @Test
    void whatIsLeftOutIsTold() throws IOException {
        Path shades = pictures("shades", "dark", "light");
        Files.writeString(shades.resolve("dark/x.webp"), "no image that can be read");
        Path base = directory.resolve("base");
        Captured trained = fromScratch(shades, base, "--max-images", "20", "--epochs", "1");
        assertEquals(0, trained.status(), trained.err());
        assertTrue(trained.err().contains("loft: 20 images of 32 in "), trained.err());
        assertTrue(trained.err().contains("; left out, since they cannot be read: 1 .webp"), trained.err());
        Captured judged = Captured.loft("eval", "--model", base.toString(), "--data", shades.toString());
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.err().contains("1 .webp"), judged.err());
    }

    /** Two classes of 16 pictures each: dark and light, or bright on the left and on the right. */
    private Path pictures(String name, String first, String second) throws IOException {
        SplittableRandom random = new SplittableRandom(4);
        Path root = directory.resolve(name);
        for (int c = 0; c < 2; c++) {
            Path folder = Files.createDirectories(root.resolve(c == 0 ? first : second));
            for (int i = 0; i < 16; i++) {
                BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_GRAY);
                for (int p = 0; p < 64; p++) {
                    boolean bright = first.equals("dark") ? c == 1 : (p % 8 < 4) == (c == 0);
                    image.getRaster().setSample(p % 8, p / 8, 0, (bright ? 150 : 20) + random.nextInt(80));
                }
                ImageIO.write(image, "png", folder.resolve(i + ".png").toFile());
            }
        }
        return root;
    }

    private static Path table(Path root) throws IOException {
        StringBuilder csv = new StringBuilder("image,label\n");
        for (String label : new String[] {"left", "right"}) {
            for (int i = 0; i < 16; i++) {
                csv.append(label)
                        .append('/')
                        .append(i)
                        .append(".png,")
                        .append(label)
                        .append('\n');
            }
        }
        return Files.writeString(root.resolve("images.csv"), csv);
    }

    private static JsonNode json(Captured call) throws IOException {
        assertEquals(0, call.status(), call.err());
        return new ObjectMapper().readTree(call.out());
    }
}
