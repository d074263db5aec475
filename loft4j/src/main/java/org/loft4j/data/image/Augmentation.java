package org.loft4j.data.image;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.loft4j.ConfigException;

/**
 * Light changes of pictures in training, which leave their class alone.
 *
 * @param crop a part of at least 60% of the area, of proportions from 3:4 to 4:3 of the picture's own, takes the whole's place
 * @param flip every second picture is mirrored
 * @param shift up to an eighth of each side is moved out of the picture, and black comes in
 */
public record Augmentation(boolean crop, boolean flip, boolean shift) {
    public static final Augmentation NONE = new Augmentation(false, false, false);

    private static final double SMALLEST_PART = 0.6;
    private static final double WIDEST = 4.0 / 3;
    private static final int SHIFTED_PART = 8;

    /** Reads {@code none}, or crop, flip and shift with commas between them. */
    public static Augmentation parse(String field, String text) {
        List<String> words = List.of(text.toLowerCase(Locale.ROOT).strip().split("\\s*,\\s*"));
        List<String> unknown = new ArrayList<>(words);
        unknown.removeAll(List.of("none", "crop", "flip", "shift"));
        if (!unknown.isEmpty() || (words.contains("none") && words.size() > 1)) {
            throw new ConfigException(
                    field + " must be none, or some of crop, flip, shift with commas between them, got " + text);
        }
        return new Augmentation(words.contains("crop"), words.contains("flip"), words.contains("shift"));
    }

    /** The part of a picture that stands for it, before its size changes. */
    Pixels part(Pixels image, SplittableRandom random) {
        if (!crop) {
            return image;
        }
        double area = SMALLEST_PART + (1 - SMALLEST_PART) * random.nextDouble();
        double proportion = Math.exp((2 * random.nextDouble() - 1) * Math.log(WIDEST));
        int height = side(image.height(), Math.sqrt(area / proportion));
        int width = side(image.width(), Math.sqrt(area * proportion));
        return image.crop(
                random.nextInt(image.height() - height + 1), random.nextInt(image.width() - width + 1), height, width);
    }

    private static int side(int whole, double share) {
        return Math.min(whole, (int) Math.round(whole * share));
    }

    /** What is done when the picture has its size. */
    Pixels change(Pixels image, SplittableRandom random) {
        Pixels changed = flip && random.nextBoolean() ? image.mirrored() : image;
        if (shift) {
            int down = image.height() / SHIFTED_PART;
            int right = image.width() / SHIFTED_PART;
            changed = changed.shifted(random.nextInt(2 * down + 1) - down, random.nextInt(2 * right + 1) - right);
        }
        return changed;
    }

    /** A picture as training sees it. */
    public Pixels apply(Pixels image, ImageProcessor processor, int channels, SplittableRandom random) {
        return change(processor.resized(part(image, random), channels), random);
    }
}
