package org.loft4j.data.image;

/**
 * Resizing as Pillow does it, by Pillow's codes: a filter that grows with the factor by which a picture shrinks, columns first,
 * then rows, with weights of 22 binary places and a result of 8 bits after each.
 */
public enum Resampling {
    NEAREST(0, 0),
    LANCZOS(1, 3),
    BILINEAR(2, 1),
    BICUBIC(3, 2),
    BOX(4, 0.5),
    HAMMING(5, 1);

    /** 8 bits for the value, 2 against overflow. */
    private static final int PLACES = 32 - 8 - 2;

    private final int code;
    private final double support;

    Resampling(int code, double support) {
        this.code = code;
        this.support = support;
    }

    int code() {
        return code;
    }

    /** The picture in another size. */
    public Pixels resize(Pixels image, int height, int width) {
        if (this == NEAREST) {
            return nearest(image, height, width);
        }
        Pixels wide = width == image.width() ? image : columns(image, width);
        return height == image.height() ? wide : rows(wide, height);
    }

    private static Pixels nearest(Pixels image, int height, int width) {
        int[] rows = nearest(image.height(), height);
        int[] columns = nearest(image.width(), width);
        return image.moved(height, width, (row, column) -> rows[row], (row, column) -> columns[column]);
    }

    private static int[] nearest(int from, int to) {
        double scale = (double) from / to;
        int[] places = new int[to];
        double place = scale * 0.5;
        for (int i = 0; i < to; i++) {
            places[i] = Math.min(from - 1, (int) place);
            place += scale;
        }
        return places;
    }

    /** The weights of the pixels that one new pixel is made of. */
    private record Weights(int first, int[] fixed) {}

    private Pixels columns(Pixels image, int width) {
        Weights[] weights = weights(image.width(), width);
        int channels = image.channels();
        byte[] values = new byte[image.height() * width * channels];
        for (int row = 0; row < image.height(); row++) {
            for (int column = 0; column < width; column++) {
                int start = (row * image.width() + weights[column].first()) * channels;
                int to = (row * width + column) * channels;
                for (int c = 0; c < channels; c++) {
                    values[to + c] = sum(image.values(), start + c, channels, weights[column].fixed());
                }
            }
        }
        return new Pixels(image.height(), width, channels, values);
    }

    private Pixels rows(Pixels image, int height) {
        Weights[] weights = weights(image.height(), height);
        int stride = image.width() * image.channels();
        byte[] values = new byte[height * stride];
        for (int row = 0; row < height; row++) {
            for (int i = 0; i < stride; i++) {
                values[row * stride + i] =
                        sum(image.values(), weights[row].first() * stride + i, stride, weights[row].fixed());
            }
        }
        return new Pixels(height, image.width(), image.channels(), values);
    }

    private static byte sum(byte[] values, int start, int stride, int[] weights) {
        int sum = 1 << (PLACES - 1);
        for (int i = 0; i < weights.length; i++) {
            sum += (values[start + i * stride] & 0xff) * weights[i];
        }
        return (byte) Math.max(0, Math.min(255, sum >> PLACES));
    }

    private Weights[] weights(int from, int to) {
        double scale = (double) from / to;
        double stretch = Math.max(1, scale);
        double reach = support * stretch;
        Weights[] weights = new Weights[to];
        for (int i = 0; i < to; i++) {
            double center = (i + 0.5) * scale;
            int first = Math.max(0, (int) (center - reach + 0.5));
            int last = Math.min(from, (int) (center + reach + 0.5));
            double[] exact = new double[last - first];
            double total = 0;
            for (int j = 0; j < exact.length; j++) {
                exact[j] = filter((j + first - center + 0.5) * (1 / stretch));
                total += exact[j];
            }
            int[] fixed = new int[exact.length];
            for (int j = 0; j < exact.length; j++) {
                double share = total == 0 ? exact[j] : exact[j] / total;
                fixed[j] = (int) ((share < 0 ? -0.5 : 0.5) + share * (1 << PLACES));
            }
            weights[i] = new Weights(first, fixed);
        }
        return weights;
    }

    private double filter(double x) {
        double distance = Math.abs(x);
        return switch (this) {
            case NEAREST -> throw new IllegalStateException("nearest has no filter");
            case BOX -> x > -0.5 && x <= 0.5 ? 1 : 0;
            case BILINEAR -> distance < 1 ? 1 - distance : 0;
            case HAMMING -> distance >= 1 ? 0 : sinc(distance) * (0.54 + 0.46 * Math.cos(Math.PI * distance));
            case BICUBIC -> cubic(distance);
            case LANCZOS -> distance < 3 ? sinc(x) * sinc(x / 3) : 0;
        };
    }

    /** Keys 1981, equation 15, with a = −1/2. */
    private static double cubic(double x) {
        double a = -0.5;
        if (x < 1) {
            return ((a + 2) * x - (a + 3)) * x * x + 1;
        }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }

    private static double sinc(double x) {
        return x == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    }
}
