package org.loft4j.data.image;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.data.image.ImageProcessor.Resize;
import org.loft4j.data.image.ImageProcessor.Size;

/** {@code preprocessor_config.json} of Hugging Face's processors for ViT, DeiT and DINOv2 (BiT's). A setting that would not be honoured is refused. */
public final class ImageProcessorFile {
    /** The file's name. */
    public static final String NAME = "preprocessor_config.json";

    private static final List<Double> HALF = List.of(0.5, 0.5, 0.5);
    private static final int CROP = 224;

    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** What a processor does where the file is silent. */
    private enum Silent {
        VIT(Resampling.BILINEAR, 224, true, false, HALF, HALF),
        DEIT(Resampling.BICUBIC, 256, true, true, HALF, HALF),
        BIT(
                Resampling.BICUBIC,
                224,
                false,
                true,
                List.of(0.48145466, 0.4578275, 0.40821073),
                List.of(0.26862954, 0.26130258, 0.27577711));

        final Resampling resampling;
        final int size;
        // whether one number is both sides, and not the shorter one
        final boolean square;
        final boolean crops;
        final List<Double> mean;
        final List<Double> std;

        Silent(Resampling resampling, int size, boolean square, boolean crops, List<Double> mean, List<Double> std) {
            this.resampling = resampling;
            this.size = size;
            this.square = square;
            this.crops = crops;
            this.mean = mean;
            this.std = std;
        }
    }

    private static final Map<String, Silent> PROCESSORS = Map.of(
            "ViTImageProcessor", Silent.VIT,
            "ViTImageProcessorFast", Silent.VIT,
            "ViTFeatureExtractor", Silent.VIT,
            "DeiTImageProcessor", Silent.DEIT,
            "DeiTImageProcessorFast", Silent.DEIT,
            "DeiTFeatureExtractor", Silent.DEIT,
            "BitImageProcessor", Silent.BIT,
            "BitImageProcessorFast", Silent.BIT);

    private static final Set<String> HONOURED = Set.of(
            "do_resize",
            "size",
            "resample",
            "do_center_crop",
            "crop_size",
            "do_rescale",
            "rescale_factor",
            "do_normalize",
            "image_mean",
            "image_std",
            "image_processor_type",
            "feature_extractor_type");

    /** What says nothing about the values: every picture is converted to the model's channels. */
    private static final Set<String> WITHOUT_EFFECT = Set.of(
            "do_convert_rgb",
            "processor_class",
            "data_format",
            "input_data_format",
            "return_tensors",
            "default_to_square",
            "device",
            "disable_grouping",
            "auto_map");

    private final Path file;
    private final JsonNode tree;
    private final int channels;

    private ImageProcessorFile(Path file, JsonNode tree, int channels) {
        this.file = file;
        this.tree = tree;
        this.channels = channels;
    }

    /**
     * Reads the file of a model directory; null where there is none.
     *
     * @param channels of the model, for each of which one number in {@code image_mean} or {@code image_std} stands
     * @throws DataException for a setting of the wrong type, or one that is not supported
     */
    public static @Nullable ImageProcessor read(Path directory, int channels) throws IOException {
        Path file = directory.resolve(NAME);
        if (!Files.isRegularFile(file)) {
            return null;
        }
        try {
            return new ImageProcessorFile(file, MAPPER.readTree(file.toFile()), channels).processor();
        } catch (JsonProcessingException e) {
            throw new DataException(file, "must be JSON: " + e.getOriginalMessage());
        } catch (CharConversionException e) {
            throw new DataException(file, "must be JSON in UTF-8: " + e.getMessage());
        } catch (org.loft4j.ConfigException e) {
            throw new DataException(file, String.valueOf(e.getMessage()));
        }
    }

    /** The same, or where there is no file {@link ImageProcessor#plain} for a model that reads such images. */
    public static ImageProcessor readOr(Path directory, int channels, int height, int width) throws IOException {
        ImageProcessor processor = read(directory, channels);
        return processor == null ? ImageProcessor.plain(channels, height, width) : processor;
    }

    private ImageProcessor processor() throws DataException {
        if (!tree.isObject()) {
            throw new DataException(file, "must be a JSON object");
        }
        for (Map.Entry<String, JsonNode> setting : tree.properties()) {
            String key = setting.getKey();
            boolean off = setting.getValue().isNull()
                    || setting.getValue().equals(MAPPER.getNodeFactory().booleanNode(false));
            if (!off && !key.startsWith("_") && !HONOURED.contains(key) && !WITHOUT_EFFECT.contains(key)) {
                throw fault(key, "is not supported, got " + setting.getValue());
            }
        }
        Silent silent = silent();
        boolean normalised = flag("do_normalize", true);
        return new ImageProcessor(
                flag("do_resize", true) ? resize(silent) : null,
                flag("do_center_crop", silent.crops) ? size("crop_size", CROP) : null,
                flag("do_rescale", true) ? number("rescale_factor", 1 / 255.0) : 1,
                normalised ? numbers("image_mean", silent.mean) : List.of(),
                normalised ? numbers("image_std", silent.std) : List.of());
    }

    /** Of the processor that the file names, or of ViT's. */
    private Silent silent() throws DataException {
        Silent silent = Silent.VIT;
        for (String key : List.of("feature_extractor_type", "image_processor_type")) {
            JsonNode type = tree.path(key);
            if (type.isTextual()) {
                Silent named = PROCESSORS.get(type.textValue());
                if (named == null) {
                    throw fault(
                            key,
                            "must be one of "
                                    + String.join(
                                            ", ",
                                            PROCESSORS.keySet().stream()
                                                    .sorted()
                                                    .toList()) + ", got "
                                    + type);
                }
                silent = named;
            }
        }
        return silent;
    }

    private Resize resize(Silent silent) throws DataException {
        JsonNode code = tree.path("resample");
        Resampling resampling = null;
        for (Resampling each : Resampling.values()) {
            if (code.isMissingNode() || code.isNull() ? each == silent.resampling : code.equals(intNode(each.code()))) {
                resampling = each;
            }
        }
        if (resampling == null) {
            throw fault("resample", "must be one of Pillow's codes from 0 to 5, got " + code);
        }
        JsonNode size = tree.path("size");
        JsonNode edge = size.path("shortest_edge");
        if (!silent.square && !size.isObject()) {
            edge = size.isMissingNode() || size.isNull() ? intNode(silent.size) : size;
        }
        if (!edge.isMissingNode()) {
            if (!edge.isInt() || edge.intValue() < 1 || size.has("longest_edge")) {
                throw fault("size", "must have a shortest_edge of at least 1, and no longest_edge");
            }
            return new Resize(resampling, null, edge.intValue());
        }
        return new Resize(resampling, size("size", silent.size), 0);
    }

    private static JsonNode intNode(int value) {
        return MAPPER.getNodeFactory().numberNode(value);
    }

    /** One number for both sides, or height and width. */
    private Size size(String key, int absent) throws DataException {
        JsonNode value = tree.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return new Size(absent, absent);
        }
        JsonNode height = value.isObject() ? value.path("height") : value;
        JsonNode width = value.isObject() ? value.path("width") : value;
        if (!height.isInt() || !width.isInt()) {
            throw fault(
                    key,
                    "must be a whole number, or height and width" + (key.equals("size") ? ", or a shortest_edge" : "")
                            + ", got " + value);
        }
        return new Size(height.intValue(), width.intValue());
    }

    private boolean flag(String key, boolean absent) throws DataException {
        JsonNode value = tree.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return absent;
        }
        if (!value.isBoolean()) {
            throw fault(key, "must be true or false, got " + value);
        }
        return value.booleanValue();
    }

    private double number(String key, double absent) throws DataException {
        JsonNode value = tree.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return absent;
        }
        if (!value.isNumber()) {
            throw fault(key, "must be a number, got " + value);
        }
        return value.doubleValue();
    }

    /** One for each channel; a single number is that of all. */
    private List<Double> numbers(String key, List<Double> absent) throws DataException {
        JsonNode value = tree.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return absent;
        }
        if (value.isNumber()) {
            return Collections.nCopies(channels, value.doubleValue());
        }
        List<Double> numbers = new ArrayList<>();
        if (value.isEmpty() || !value.isArray()) {
            throw fault(key, "must be a number, or an array of one for each channel, got " + value);
        }
        for (JsonNode element : value) {
            if (!element.isNumber()) {
                throw fault(key, "must be an array of numbers, got " + value);
            }
            numbers.add(element.doubleValue());
        }
        return numbers;
    }

    private DataException fault(String key, String fault) {
        return new DataException(file, "\"" + key + "\" " + fault);
    }
}
