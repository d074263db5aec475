package org.loft4j.data;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.FileFault;
import org.loft4j.data.image.Augmentation;
import org.loft4j.data.image.ImageProcessor;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.data.image.Pixels;
import org.loft4j.tensor.Seeds;

/** Images with the index of their class, or of the labels of which each may have several. They are decoded, resized and normalised when a batch asks for them. */
public final class ImageDataset implements Examples {
    private final LabeledImages images;
    private final int[][] labels;
    private final int known;
    private final Shape shape;
    private final ImageProcessor processor;
    private final Augmentation augmentation;

    /** What the model reads. */
    public record Shape(int channels, int height, int width) {
        /**
         * How many numbers the pixels of some images are.
         *
         * @throws ConfigException if one array does not hold them
         */
        public int numbers(int images) {
            long plane = (long) height * width;
            long one = plane > Integer.MAX_VALUE ? plane : plane * channels;
            if (one > Integer.MAX_VALUE || one * images > Integer.MAX_VALUE) {
                throw new ConfigException(
                        "a batch of " + images + (images == 1 ? " image" : " images") + " of " + height
                                + "×" + width + " pixels in " + channels
                                + (channels == 1 ? " channel" : " channels") + " is more than " + Integer.MAX_VALUE
                                + " numbers, which one array does not hold: take "
                                + (images == 1 ? "smaller images (preprocessor_config.json)" : "a smaller batch"));
            }
            return (int) (one * images);
        }
    }

    /**
     * @param augmentation of training batches
     * @throws DataException if an image's label is unknown
     * @throws ConfigException if the processor does not make what the model reads, or not of any part of an image that the
     *     augmentation draws
     */
    public ImageDataset(
            LabeledImages images, Labels labels, Shape shape, ImageProcessor processor, Augmentation augmentation)
            throws DataException {
        processor.requireFits(shape.channels(), shape.height(), shape.width());
        shape.numbers(1);
        if (augmentation.crop() && !processor.makesOneSize()) {
            throw new ConfigException("augment crop needs parts of images to get the size of the whole: let"
                    + " preprocessor_config.json resize to a height and width, or to a shortest_edge that holds crop_size, or"
                    + " leave crop out");
        }
        this.images = images;
        this.labels = new int[images.size()][];
        this.known = labels.size();
        for (int i = 0; i < this.labels.length; i++) {
            try {
                this.labels[i] = images.labels(i).stream()
                        .mapToInt(labels::index)
                        .sorted()
                        .distinct()
                        .toArray();
            } catch (ConfigException e) {
                throw new DataException(Path.of(images.name(i)), String.valueOf(e.getMessage()));
            }
        }
        this.shape = shape;
        this.processor = processor;
        this.augmentation = augmentation;
    }

    @Override
    public int size() {
        return labels.length;
    }

    /** The index of one image's class, where each has one. */
    public int label(int index) {
        return labels[index][0];
    }

    /** Whether an image may have several labels, or none: {@link ImageBatch#scores} of its batches say which. */
    public boolean isMultiLabel() {
        return images.isMultiLabel();
    }

    /** 1 for the labels that an image has and 0 for the others. */
    public float[] scores(int index) {
        return new LabelSets(labels, known).scores(new int[] {index});
    }

    public Shape shape() {
        return shape;
    }

    /** All the same. */
    @Override
    public int[] lengths() {
        int[] lengths = new int[size()];
        Arrays.fill(lengths, 1);
        return lengths;
    }

    @Override
    public long heapBytes() {
        return images.heapBytes() + HeapSize.of(labels);
    }

    /**
     * How many numbers the pixels of a batch are; 0 for other examples.
     *
     * @param batchSize images at once, where there are as many
     * @throws ConfigException if one array does not hold them
     */
    public static int numbers(@Nullable Examples examples, int batchSize) {
        return examples instanceof ImageDataset images ? images.shape.numbers(Math.min(batchSize, images.size())) : 0;
    }

    /** Of an IDX file's images their bytes; of files where they lie and how long they are. */
    @Override
    public String fingerprint() {
        CRC32C crc = new CRC32C();
        for (int i = 0; i < size(); i++) {
            crc.update(images.identity(i));
            ByteBuffer own = ByteBuffer.allocate(Integer.BYTES * (labels[i].length + (isMultiLabel() ? 1 : 0)));
            if (isMultiLabel()) {
                own.putInt(labels[i].length);
            }
            Arrays.stream(labels[i]).forEach(own::putInt);
            crc.update(own.array());
        }
        crc.update((shape + " " + processor + " " + augmentation).getBytes(StandardCharsets.UTF_8));
        return size() + " images, crc32c " + Long.toHexString(crc.getValue());
    }

    @Override
    public ImageBatch batch(int[] indices, long padId) throws IOException {
        return collate(indices, (index, image) -> processor.resized(image, shape.channels()));
    }

    @Override
    public ImageBatch trainingBatch(int[] indices, long padId, long seed, long epoch) throws IOException {
        long ofEpoch = Seeds.derive(seed, "augment", epoch);
        return collate(
                indices,
                (index, image) -> augmentation.apply(
                        image,
                        processor,
                        shape.channels(),
                        new SplittableRandom(Seeds.derive(ofEpoch, "image", index))));
    }

    /**
     * A picture that cannot be used.
     *
     * @param index its place among the pictures
     * @param cause that names it
     */
    public record Fault(int index, DataException cause) {}

    /** Decodes each picture once, on all cores, keeps none, and tells which cannot be decoded, or do not become what a model reads. */
    public static List<Fault> faults(LabeledImages images, Shape shape, ImageProcessor processor) throws IOException {
        List<Fault> faults = new ArrayList<>();
        try {
            IntStream.range(0, images.size())
                    .parallel()
                    .mapToObj(index -> fault(images, shape, processor, index))
                    .flatMap(Optional::stream)
                    .forEachOrdered(faults::add);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return faults;
    }

    /**
     * Looks for {@link #faults}.
     *
     * @throws DataException if there are some: all of them, each with its cause
     */
    public void requireReadable() throws IOException {
        List<Fault> faults = faults(images, shape, processor);
        if (faults.size() == 1) {
            throw faults.get(0).cause();
        } else if (!faults.isEmpty()) {
            String all = faults.stream()
                    .map(fault -> "\n  " + fault.cause().getMessage())
                    .collect(Collectors.joining());
            throw new DataException(faults.size() + " of " + size() + " images", "cannot be used:" + all);
        }
    }

    private static Optional<Fault> fault(LabeledImages images, Shape shape, ImageProcessor processor, int index) {
        if (Thread.currentThread().isInterrupted()) {
            throw new UncheckedIOException(new InterruptedIOException("stopped while reading images"));
        }
        try {
            read(images, shape, processor, index);
            return Optional.empty();
        } catch (DataException e) {
            return Optional.of(new Fault(index, e));
        } catch (IOException e) {
            return Optional.of(new Fault(
                    index, new DataException(Path.of(images.name(index)), "cannot be read: " + FileFault.of(e))));
        }
    }

    /** One that becomes what the model reads. */
    private static Pixels read(LabeledImages images, Shape shape, ImageProcessor processor, int index)
            throws IOException {
        Pixels image = images.read(index);
        processor.requireMakes(images.name(index), image, shape.height(), shape.width());
        return image;
    }

    private interface Prepared {
        Pixels image(int index, Pixels image);
    }

    private ImageBatch collate(int[] indices, Prepared prepared) throws IOException {
        Checks.atLeast("number of images in a batch", indices.length, 1);
        int size = shape.numbers(1);
        float[] pixels = new float[shape.numbers(indices.length)];
        try {
            // each row has its own part of the arrays
            IntStream.range(0, indices.length).parallel().forEach(row -> {
                prepare(prepared, indices[row], pixels, row * size);
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        long[] classes = isMultiLabel()
                ? new long[0]
                : Arrays.stream(indices).mapToLong(this::label).toArray();
        float[] scores = isMultiLabel() ? new LabelSets(labels, known).scores(indices) : null;
        return new ImageBatch(indices.length, shape.channels(), shape.height(), shape.width(), pixels, classes, scores);
    }

    private void prepare(Prepared prepared, int index, float[] pixels, int place) {
        try {
            processor.normalise(prepared.image(index, read(images, shape, processor, index)), pixels, place);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
