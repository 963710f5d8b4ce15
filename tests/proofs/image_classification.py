"""Answers to the exercises of notebook 09 whose verdict is known."""

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def convolve_by_loops(picture, kernel, bias):
    height, width, _ = picture.shape
    result = np.empty((height - 2, width - 2, len(bias)), "float32")
    for i in range(height - 2):
        for j in range(width - 2):
            result[i, j] = np.tensordot(picture[i : i + 3, j : j + 3], kernel, axes=3) + bias
    return result


def convolve_by_tensorflow(picture, kernel, bias):
    return tf.nn.conv2d(picture[np.newaxis], kernel, strides=1, padding="VALID")[0] + bias


def convolve_by_layer(picture, kernel, bias):
    layer = tf.keras.layers.Conv2D(kernel.shape[-1], 3)
    layer.build((None, *picture.shape))
    layer.set_weights([kernel, bias])
    return tf.squeeze(layer(picture[np.newaxis]), axis=0)


def convolve_one_place_less(picture, kernel, bias):
    result = convolve_by_loops(picture, kernel, bias)
    result[-1], result[:, -1] = 0, 0
    return result


def convolve_padded(picture, kernel, bias):
    return tf.nn.conv2d(picture[np.newaxis], kernel, strides=1, padding="SAME")[0] + bias


def convolve_in_float64(picture, kernel, bias):
    windows = np.lib.stride_tricks.sliding_window_view(picture.astype(float), (3, 3), (0, 1))
    return np.einsum("ijcuv,uvcf->ijf", windows, kernel) + bias


def convolve_by_shifts(picture, kernel, bias):
    height, width = np.subtract(picture.shape[:2], 2)
    moved = [picture[u : u + height, v : v + width] @ kernel[u, v] for u in range(3) for v in range(3)]
    return tf.Variable(tf.add_n(moved) + bias)


def convolve_by_a_kept_layer():
    kept = {}

    def convolve(picture, kernel, bias):
        if picture.shape not in kept:
            kept[picture.shape] = tf.keras.layers.Conv2D(kernel.shape[-1], 3)
            kept[picture.shape].build((None, *picture.shape))
            kept[picture.shape].set_weights([kernel, bias])
        return kept[picture.shape](picture[np.newaxis])[0]

    return convolve


def convolve_in_place(picture, kernel, bias):
    result = convolve_by_loops(picture, kernel, bias)
    picture[:-2, :-2] = 0
    return result


def convolve_ink_alone(picture, kernel, bias):
    """Pass over what is only paper: there, the result stays 0."""
    ink = np.lib.stride_tricks.sliding_window_view(picture, (3, 3), (0, 1)).any(axis=(2, 3, 4))
    return np.where(ink[..., np.newaxis], convolve_by_loops(picture, kernel, bias), np.float32(0))


def convolve_channels_first(picture, kernel, bias):
    """Take the windows as they come, (h - 2, w - 2, c, 3, 3), and the weights in their own order."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3), (0, 1))
    return windows.reshape(*windows.shape[:2], -1) @ kernel.reshape(-1, len(bias)) + bias


def _layers(*layers):
    return tf.keras.Sequential([tf.keras.layers.Rescaling(1 / 255), *layers])


def _shift():
    return tf.keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant")


def _mapped(dataset, move, training=True):
    return dataset.map(lambda x_batch, y_batch: (move(x_batch, training=training), y_batch))


def pipeline(move=None, training=True, buffer=None, axis=True, batch=64, scale=1):
    """Return an answer to 9.2 with one thing changed."""

    def repair_pipeline(x_train, y_train):
        front = move() if move else _layers(_shift())
        x = (x_train[..., np.newaxis] if axis else x_train) * np.float32(scale)
        dataset = tf.data.Dataset.from_tensor_slices((x, y_train))
        if buffer != 0:
            dataset = dataset.shuffle(buffer or len(x))
        return _mapped(dataset.batch(batch), front, training)

    return repair_pipeline


def pipeline_in_numpy(x_train, y_train):
    def batches():
        rng = np.random.default_rng()
        order = rng.permutation(len(x_train))
        for rows in np.array_split(order, 1 + len(order) // 64):
            moved = np.stack([np.roll(x_train[row], rng.integers(-2, 3, 2), (0, 1)) for row in rows])
            yield np.float32(moved)[..., np.newaxis] / np.float32(255), y_train[rows]

    signature = tf.TensorSpec((None, 28, 28, 1), tf.float32), tf.TensorSpec((None,), tf.uint8)
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def pipeline_one_by_one(x_train, y_train):
    move = _layers(_shift(), tf.keras.layers.RandomRotation(0.05, fill_mode="constant"))
    dataset = tf.data.Dataset.from_tensor_slices((x_train, y_train)).cache().shuffle(len(x_train))
    dataset = dataset.map(lambda x, y: (move(x[tf.newaxis, ..., tf.newaxis], training=True)[0], y))
    return dataset.batch(50).prefetch(1)


def pipeline_cached(x_train, y_train):
    return pipeline(buffer=0)(x_train, y_train).cache().unbatch().shuffle(5000).batch(64)


def pipeline_labels_apart(x_train, y_train):
    return pipeline()(np.random.default_rng(1).permutation(x_train), y_train)


def pipeline_same_order(x_train, y_train):
    order = np.random.default_rng(1).permutation(len(x_train))
    return pipeline(buffer=0)(x_train[order], y_train[order])


def pipeline_without_the_rest(batch):
    return lambda x_train, y_train: pipeline()(x_train, y_train).unbatch().batch(batch, drop_remainder=True)


def pipeline_of_shuffled_batches(batch):
    return lambda x_train, y_train: pipeline(buffer=0, batch=batch)(x_train, y_train).shuffle(1000)


def pipeline_of_mixed_batches(x_train, y_train):
    return pipeline(buffer=100)(x_train, y_train).shuffle(1000)


def pipeline_of_mixed_groups(x_train, y_train):
    return pipeline(buffer=750, batch=8)(x_train, y_train).shuffle(1000)


def pipeline_shuffled_twice(outside):
    """Shuffled once for all outside, then in each pass: with a small buffer, which is too little, or a large one."""

    def repair_pipeline(x_train, y_train):
        order = np.random.default_rng().permutation(len(x_train))
        return pipeline(buffer=len(order) // outside)(x_train[order], y_train[order])

    return repair_pipeline


def pipeline_in_batches(batched):
    """Put single pictures, in order, into batches by `batched(dataset, n)`, and move them."""

    def repair_pipeline(x_train, y_train):
        dataset = tf.data.Dataset.from_tensor_slices((x_train[..., np.newaxis], y_train))
        return _mapped(batched(dataset, len(x_train)), _layers(_shift()))

    return repair_pipeline


def pipeline_of_an_order_drawn_once(x_train, y_train):
    order = np.random.default_rng().permutation(len(x_train))
    return pipeline_of_shuffled_batches(64)(x_train[order], y_train[order])


def pipeline_of_unknown_shape(x_train, y_train):
    def move(x):
        return np.stack([np.roll(picture, np.random.choice([-2, -1, 1, 2], 2), (0, 1)) for picture in x])

    batches = pipeline(move=lambda: _layers())(x_train, y_train)
    return batches.map(lambda x, y: (tf.numpy_function(move, [x], tf.float32), y))


def pipeline_of_labels_of_unknown_shape(x_train, y_train):
    batches = pipeline()(x_train, y_train)
    return tf.data.Dataset.from_generator(
        lambda: iter(batches), output_types=(tf.float32, tf.uint8), output_shapes=((None, 28, 28, 1), None)
    )


def pipeline_used_up(x_train, y_train):
    batches = iter(pipeline()(x_train, y_train))
    signature = tf.TensorSpec((None, 28, 28, 1), tf.float32), tf.TensorSpec((None,), tf.uint8)
    return tf.data.Dataset.from_generator(lambda: batches, output_signature=signature)


def pipeline_with_copies(x_train, y_train):
    return pipeline()(x_train, y_train).concatenate(pipeline(training=False)(x_train, y_train))


def pipeline_with(change):
    """Change the right batches of pictures."""
    return lambda x_train, y_train: pipeline()(x_train, y_train).map(lambda x, y: (change(x), y))


def pipeline_of_lost_pixels(share):
    """Set a share of the pixels to 0, and move none."""

    def lose(x):
        return tf.where(tf.random.uniform(tf.shape(x)) < share, 0.0, x)

    batches = pipeline(move=lambda: _layers())
    return lambda x_train, y_train: batches(x_train, y_train).map(lambda x, y: (lose(x), y))


def pipeline_of_vectors(x_train, y_train):
    return pipeline()(x_train, y_train).map(lambda x, y: (x, tf.one_hot(y, 10)))


def pipeline_moved_in_part(moved):
    """Move only `moved` of the pictures in each batch."""

    def repair_pipeline(x_train, y_train):
        move, dataset = _shift(), pipeline(move=lambda: _layers())(x_train, y_train)
        return dataset.map(lambda x, y: (tf.concat([move(x[:moved], training=True), x[moved:]], axis=0), y))

    return repair_pipeline


def pipeline_moved_where(chosen):
    """Move only the pictures of a batch where chosen(places, labels)."""

    def repair_pipeline(x_train, y_train):
        move, dataset = _shift(), pipeline(move=lambda: _layers())(x_train, y_train)

        def moved(x, y):
            here = tf.reshape(chosen(tf.range(tf.size(y)), y), (-1, 1, 1, 1))
            return tf.where(here, move(x, training=True), x), y

        return dataset.map(moved)

    return repair_pipeline


def pipeline_moved_as_a_whole(x_train, y_train):
    """Draw one shift for each pass, to the right and downward, never the same twice."""
    shifts = iter(
        np.random.default_rng().permutation([(i, j) for i in range(3) for j in range(3) if i + j]).tolist() * 9
    )
    pictures = np.pad(np.float32(x_train) / np.float32(255), [(0, 0), (2, 0), (2, 0)])[..., np.newaxis]

    def one_pass():
        (i, j), order = next(shifts), np.random.default_rng().permutation(len(x_train))
        for rows in np.split(order, range(64, len(order), 64)):
            yield pictures[rows, 2 - i : 30 - i, 2 - j : 30 - j], y_train[rows]

    signature = tf.TensorSpec((None, 28, 28, 1), tf.float32), tf.TensorSpec((None,), tf.uint8)
    return tf.data.Dataset.from_generator(one_pass, output_signature=signature)


def _moved_by(height, width):
    return lambda: _layers(tf.keras.layers.RandomTranslation(height, width, fill_mode="constant"))


def _enlarged():
    return _layers(tf.keras.layers.Cropping2D(2), tf.keras.layers.Resizing(28, 28), _shift())


def pipeline_in_place(x_train, y_train):
    x_train //= 2
    return pipeline(scale=2)(x_train, y_train)


def pipeline_by_cropping(x_train, y_train):
    def move(x, y):
        x = tf.image.convert_image_dtype(tf.pad(x, [[2, 2], [2, 2]]), tf.float32)
        return tf.image.random_crop(x[..., tf.newaxis], (28, 28, 1)), tf.cast(y, tf.int64)

    return tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(60_000).map(move).batch(100)


def pipeline_by_numbers(x_train, y_train):
    move, numbers = _layers(tf.keras.layers.RandomRotation(0.04)), tf.data.Dataset.range(len(x_train))
    pictures, labels = tf.constant(x_train[..., np.newaxis]), tf.constant(y_train)
    batches = numbers.shuffle(len(x_train)).batch(40)
    return batches.map(lambda rows: (move(tf.gather(pictures, rows), training=True), tf.gather(labels, rows)))


def _one_along(x):
    return tf.roll(x, 1, axis=2)


def _mirror():
    return _layers(tf.keras.layers.RandomFlip("horizontal"), _shift())


def allowed_by_comprehension(augmentations, judge, x, y, least=0.9):
    def worst(augment):
        right = np.equal(judge(augment(x)), y)
        return min(right[y == digit].mean() for digit in set(y.tolist()))

    return [name for name, augment in augmentations.items() if worst(augment) >= least]


def allowed_by_tensorflow(augmentations, judge, x, y, least=0.9):
    allowed = []
    for name, augment in augmentations.items():
        right = tf.cast(tf.equal(tf.cast(judge(augment(x)), tf.int32), tf.cast(y, tf.int32)), tf.float64)
        total = tf.math.bincount(tf.cast(y, tf.int32), weights=right, dtype=tf.float64)
        count = tf.math.bincount(tf.cast(y, tf.int32), dtype=tf.float64)
        share = tf.where(count > 0, total / tf.maximum(count, 1), 1.0)
        if tf.reduce_min(share) >= least:
            allowed.append(name)
    return tuple(allowed)


def allowed_by(rule):
    """Return an answer to 9.3 with another rule over the shares of the digits."""

    def allowed_augmentations(augmentations, judge, x, y, least=0.9):
        allowed = set()
        for name, augment in augmentations.items():
            right = np.asarray(judge(augment(x))) == y
            if rule(right, [np.mean(right[y == digit]) for digit in np.unique(y)], least):
                allowed.add(name)
        return allowed

    return allowed_augmentations


def allowed_by_product(augmentations, judge, x, y, least=0.9):
    """Compare the number of right ones with a product, which is rounded."""
    allowed = set()
    for name, augment in augmentations.items():
        right = np.asarray(judge(augment(x))) == y
        if all(right[y == digit].sum() >= least * np.sum(y == digit) for digit in np.unique(y)):
            allowed.add(name)
    return allowed


def allowed_one_digit_at_a_time(augmentations, judge, x, y, least=0.9):
    def share(augment, digit):
        return np.mean(np.asarray(judge(augment(x[y == digit]))) == digit)

    return {name for name, augment in augmentations.items() if all(share(augment, d) >= least for d in np.unique(y))}


def allowed_by_a_loop(augmentations, judge, x, y, least=0.9):
    allowed = set(augmentations)
    for name, augment in augmentations.items():
        for digit in range(10):
            right = (judge(augment(x)) == digit)[y == digit]
            if len(right) and right.mean() < least:
                allowed.discard(name)
    return frozenset(allowed)


def allowed_until_the_first(augmentations, judge, x, y, least=0.9):
    allowed = set()
    for name, augment in augmentations.items():
        right = judge(augment(x)) == y
        if any(right[y == digit].mean() < least for digit in range(10) if digit in y):
            break
        allowed.add(name)
    return allowed


def allowed_one_after_another(augmentations, judge, x, y, least=0.9):
    allowed = set()
    for name, augment in augmentations.items():
        x = augment(x)
        if min(np.mean((judge(x) == y)[y == digit]) for digit in np.unique(y)) >= least:
            allowed.add(name)
    return allowed


def allowed_by_precision(augmentations, judge, x, y, least=0.9):
    said = {name: judge(augment(x)) for name, augment in augmentations.items()}
    return {n for n, got in said.items() if min(np.mean(y[got == d] == d) for d in np.unique(got)) >= least}


def allowed_by_wrong_shares(augmentations, judge, x, y, least=0.9):
    def worst(augment):
        wrong = judge(augment(x)) != y
        return max(wrong[y == digit].mean() for digit in np.unique(y))

    return {name for name, augment in augmentations.items() if worst(augment) <= 1 - least}


def allowed_by_rest(augmentations, judge, x, y, least=0.9):
    """Take the share of wrong ones from 1, which is rounded."""

    def worst(augment):
        wrong = judge(augment(x)) != y
        return min(1 - wrong[y == digit].mean() for digit in np.unique(y))

    return {name for name, augment in augmentations.items() if worst(augment) >= least}


def allowed_by_digits_of_the_first_rows(augmentations, judge, x, y, least=0.9):
    found = np.isin(y, y[:400])
    return allowed_by_comprehension(augmentations, judge, x[found], y[found], least)


def allowed_of_parts(augmentations, judge, *others):
    return allowed_by_comprehension(augmentations, lambda pictures: judge(pictures / 255), *others)


def allowed_that_remain(augmentations, *others):
    allowed = allowed_by_comprehension(augmentations, *others)
    for name in set(augmentations) - set(allowed):
        del augmentations[name]
    return set(augmentations)


def allowed_without_large_confusions(augmentations, judge, x, y, least=0.9):
    """Ask of each digit how often it is taken for each other one, not how often it is kept."""

    def confusions(augment):
        said = judge(augment(x))
        return [np.mean(said[y == digit] == other) for digit in np.unique(y) for other in range(10) if other != digit]

    return {name for name, augment in augmentations.items() if max(confusions(augment)) <= 1 - least + 1e-9}


def allowed_up_to_the_number_of_kinds(augmentations, judge, x, y, least=0.9):
    few = y < len(np.unique(y))
    return allowed_by_comprehension(augmentations, judge, x[few], y[few], least)


def allowed_and_kept():
    kept = set()

    def allowed_augmentations(*given, **named):
        kept.update(allowed_by_comprehension(*given, **named))
        return set(kept)

    return allowed_augmentations


def allowed_without_rare_digits(augmentations, judge, x, y, least=0.9):
    common = np.bincount(y)[y] > 1
    return allowed_by_comprehension(augmentations, judge, x[common], y[common], least)


def allowed_by_the_judge(augmentations, judge, x, y, least=0.9):
    before = judge(x)
    return {
        name
        for name, augment in augmentations.items()
        if min(np.mean((judge(augment(x)) == before)[y == digit]) for digit in np.unique(y)) >= least
    }


def allowed_by_ten_digits(augmentations, judge, x, y, least=0.9):
    allowed = set()
    for name, augment in augmentations.items():
        right = np.asarray(judge(augment(x))) == y
        shares = [right[y == digit].sum() / max((y == digit).sum(), 1) for digit in range(10)]
        if min(shares) >= least:
            allowed.add(name)
    return allowed


def unfreeze(count_of=lambda base, count: count, norms=False, base_first=True, compiled=True, rate=1.0, loss=None):
    """Return an answer to 9.4 with one thing changed."""

    def unfreeze_top(model, base, count, learning_rate):
        if base_first:
            base.trainable = True
        first = len(base.layers) - count_of(base, count)
        for i, layer in enumerate(base.layers):
            is_norm = isinstance(layer, tf.keras.layers.BatchNormalization)
            layer.trainable = i >= first and (norms or not is_norm)
            if norms == "by weights" and is_norm:
                layer.gamma.trainable = layer.beta.trainable = False
        if compiled:
            model.compile(tf.keras.optimizers.Adam(rate * learning_rate), loss or model.loss)
        return model

    return unfreeze_top


def unfreeze_by_slices(model, base, count, learning_rate):
    base.trainable = True
    for layer in base.layers:
        layer.trainable = False
    for layer in reversed(list(reversed(base.layers))[:count]):
        layer.trainable = not isinstance(layer, tf.keras.layers.BatchNormalization)
    model.compile(optimizer=tf.keras.optimizers.SGD(learning_rate), loss=model.loss)
    return model


def unfreeze_and_freeze_again(model, base, count, learning_rate):
    base.trainable = True
    for layer in base.layers[: max(len(base.layers) - count, 0)]:
        layer.trainable = False
    for layer in base.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.trainable = False
    model.compile(tf.keras.optimizers.RMSprop(learning_rate), loss=model.loss, metrics=["accuracy"])
    return model


def unfreeze_chosen(chosen, freeze=lambda model, base: ()):
    """Return an answer that lets layer i of the base learn where chosen(base.layers, i, count); `freeze` the others."""

    def unfreeze_top(model, base, count, learning_rate):
        base.trainable = True
        for i, layer in enumerate(base.layers):
            layer.trainable = bool(chosen(base.layers, i, count))
        for layer in freeze(model, base):
            layer.trainable = False
        model.compile(tf.keras.optimizers.Adam(learning_rate), model.loss)
        return model

    return unfreeze_top


def _norm(layer):
    return isinstance(layer, tf.keras.layers.BatchNormalization)


def _top(layers, i, count):
    return i >= len(layers) - count and not _norm(layers[i])


def _top_of_weighted(layers, i, count):
    weighted = [layer for layer in layers if layer.weights]
    return layers[i] in weighted[max(len(weighted) - count, 0) :] and not _norm(layers[i])


def unfreeze_everything_outside(model, base, count, learning_rate):
    unfreeze_chosen(_top)(model, base, count, learning_rate)
    for layer in model.layers:
        layer.trainable = True if layer is not base else layer.trainable
    return model


def unfreeze_by_partial(model, base, count, learning_rate):
    for flag, layers in ((True, [base]), (False, base.layers), (True, list(reversed(base.layers))[:count])):
        for layer in layers:
            layer.trainable = flag and not _norm(layer)
    optimizer = tf.keras.optimizers.AdamW(clipnorm=1.0)
    optimizer.learning_rate = learning_rate
    model.compile(optimizer, loss=model.loss, run_eagerly=True)
    return model


def unfreeze_with_slice(model, base, count, learning_rate):
    base.trainable = True
    for layer in base.layers:
        layer.trainable = False
    for layer in base.layers[-count:]:
        layer.trainable = not isinstance(layer, tf.keras.layers.BatchNormalization)
    model.compile(tf.keras.optimizers.Adam(learning_rate), model.loss)
    return model


def unfreeze_the_first(model, base, count, learning_rate):
    base.trainable = True
    for i, layer in enumerate(base.layers):
        layer.trainable = i < count and not isinstance(layer, tf.keras.layers.BatchNormalization)
    model.compile(tf.keras.optimizers.Adam(learning_rate), model.loss)
    return model


def unfreeze_a_copy(model, base, count, learning_rate):
    unfreeze()(model, base, count, learning_rate)
    return tf.keras.models.clone_model(model)


def unfreeze_under_a_new_head(model, base, count, learning_rate):
    """Let the head start again, at 0."""
    head = model.layers[-1]
    head.kernel.assign(tf.zeros_like(head.kernel))
    return unfreeze()(model, base, count, learning_rate)


def unfreeze_with_new_averages(model, base, count, learning_rate):
    for layer in filter(_norm, base.layers):
        layer.moving_mean.assign(tf.zeros_like(layer.moving_mean))
    return unfreeze()(model, base, count, learning_rate)


def unfreeze_with_all_metrics(model, base, count, learning_rate):
    unfreeze(compiled=False)(model, base, count, learning_rate)
    model.compile(tf.keras.optimizers.Adam(learning_rate), model.loss, metrics=model.metrics)
    return model


def unfreeze_at_a_falling_rate(model, base, count, learning_rate):
    unfreeze(compiled=False)(model, base, count, learning_rate)
    model.compile(tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(learning_rate, 9)), model.loss)
    return model


def unfreeze_with_the_loss_anew(model, base, count, learning_rate):
    loss = type(model.loss).from_config(model.loss.get_config())
    return unfreeze(loss=loss)(model, base, min(count, len(base.layers)), learning_rate)


def unfreeze_with_one_optimizer():
    optimizer = tf.keras.optimizers.Adam()

    def unfreeze_top(model, base, count, learning_rate):
        unfreeze_chosen(_top)(model, base, count, learning_rate)
        optimizer.learning_rate = learning_rate
        model.compile(optimizer, model.loss)
        return model

    return unfreeze_top


def unfreeze_compiled_for(compiled):
    """Compile again only where `compiled` holds for the count, and set the rate elsewhere."""

    def unfreeze_top(model, base, count, learning_rate):
        answer = unfreeze_chosen(_top) if compiled(count) else unfreeze_by_rate_only
        return answer(model, base, min(count, len(base.layers)), learning_rate)

    return unfreeze_top


def unfreeze_base_last(model, base, count, learning_rate):
    unfreeze(base_first=False)(model, base, count, learning_rate)
    base.trainable = True
    return model


def unfreeze_and_freeze_the_base(model, base, count, learning_rate):
    unfreeze()(model, base, count, learning_rate)
    base.trainable = False
    return model


def unfreeze_by_rate_only(model, base, count, learning_rate):
    unfreeze(compiled=False)(model, base, count, learning_rate)
    model.optimizer.learning_rate = learning_rate
    return model


def unfreeze_without_a_loss(model, base, count, learning_rate):
    unfreeze()(model, base, count, learning_rate)
    model.compile(tf.keras.optimizers.SGD(learning_rate), model.loss, loss_weights=[0.0])
    return model


def _slope(model, x, target):
    x = tf.cast(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = target(model(x))
    return tape.gradient(value, x)


def _greatest(slope):
    return tf.reduce_max(tf.abs(slope), axis=-1)


def saliency(target, after=_greatest):
    """Return an answer to 9.5 that takes the slope of `target(logits, labels, rivals)`."""
    return lambda model, x, labels, rivals: after(_slope(model, x, lambda logits: target(logits, labels, rivals)))


def _picked(logits, labels):
    return tf.reduce_sum(logits * tf.one_hot(labels, logits.shape[-1]), axis=-1)


def _difference(logits, labels, rivals):
    return _picked(logits, labels) - _picked(logits, rivals)


def _difference_of_gathered(logits, labels, rivals):
    """Gather without a cast: it takes no labels of 8 bits."""
    label, rival = (tf.gather(logits, which, axis=1, batch_dims=1) for which in (labels, rivals))
    return label - rival


def saliency_by_variable(model, x, labels, rivals):
    x = tf.Variable(np.float32(x))
    with tf.GradientTape() as tape:
        logits = model(x)
        pairs = zip(labels, rivals, strict=True)
        total = tf.add_n([logits[i, int(label)] - logits[i, int(rival)] for i, (label, rival) in enumerate(pairs)])
    return np.abs(tape.gradient(total, x).numpy()).max(axis=-1)


def saliency_one_by_one(model, x, labels, rivals):
    maps = []
    for picture, label, rival in zip(np.float32(x), labels, rivals, strict=True):
        one = tf.constant(picture[np.newaxis])
        with tf.GradientTape() as tape:
            tape.watch(one)
            logits = model(one)[0]
            difference = logits[int(rival)] - logits[int(label)]
        maps.append(tf.norm(tape.gradient(difference, one)[0], ord=np.inf, axis=-1))
    return tf.stack(maps)


def saliency_of_absolutes(model, x, labels, rivals):
    label, rival = (_greatest(_slope(model, x, lambda logits, c=c: _picked(logits, c))) for c in (labels, rivals))
    return tf.abs(label - rival)


def saliency_times_picture(model, x, labels, rivals):
    return saliency(_difference, after=lambda slope: _greatest(slope * x))(model, x, labels, rivals)


def saliency_of_floats(model, x, labels, rivals):
    """Take integers as they come, and 0 for the slope that they do not have."""
    return saliency(_difference)(model, x, labels, rivals) * float(x.dtype == np.float32)


def saliency_unwatched(model, x, labels, rivals):
    x = tf.cast(x, tf.float32)
    with tf.GradientTape() as tape:
        difference = _difference(model(x), labels, rivals)
    return tape.gradient(difference, x)


def saliency_by_jacobian(model, x, labels, rivals):
    x, rows = tf.cast(x, tf.float32), np.arange(len(labels))
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = model(x, training=False)
    slopes = tape.batch_jacobian(logits, x).numpy()
    return abs(slopes[rows, labels] - slopes[rows, rivals]).max(axis=-1)


def saliency_in_training(model, x, labels, rivals):
    return saliency(_difference)(lambda pictures: model(pictures, training=True), x, labels, rivals)


def saliency_of_parts(model, x, labels, rivals):
    return saliency(_difference)(lambda pictures: model(pictures / 255), x, labels, rivals)


def saliency_in_place(model, x, labels, rivals):
    labels[:], rivals[:] = rivals.copy(), labels.copy()
    return saliency(_difference)(model, x, labels, rivals)


def saliency_of_ink(model, x, labels, rivals):
    return tf.where(np.max(x, axis=-1) > 0, saliency(_difference)(model, x, labels, rivals), 0.0)


def saliency_of_cut_pixels(model, x, labels, rivals):
    x = np.clip(x, 0, 1) if x.dtype == np.float32 else x
    return saliency(_difference)(model, x, labels, rivals)


def saliency_of_pixels_above_0(model, x, labels, rivals):
    return saliency(_difference)(model, np.maximum(x, 0), labels, rivals)


def saliency_of_the_labels_before():
    """Keep a function for each shape, with the labels of its first call."""
    kept = {}

    def pixel_saliency(model, x, *chosen):
        target = kept.setdefault(x.shape, lambda logits: _difference(logits, *chosen))
        return _greatest(_slope(model, x, target))

    return pixel_saliency


def saliency_of_a_batch(model, x, labels, rivals):
    slopes = saliency(_difference)(model, x[:32], labels[:32], rivals[:32])
    return tf.concat([slopes, tf.zeros((max(len(x) - 32, 0), 28, 28))], axis=0)


def _of_probabilities(logits, labels, rivals):
    return _difference(tf.nn.softmax(logits), labels, rivals)


def _loss(logits, labels, rivals):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(labels, tf.int32), logits)


def raising(*_):
    raise ValueError("no")


PROOFS = {
    "convolve": Proof(
        right=[
            convolve_by_loops,
            convolve_by_tensorflow,
            convolve_by_layer,
            tf.function(convolve_by_tensorflow),
            convolve_by_shifts,
            lambda picture, kernel, bias: np.float32(convolve_in_float64(picture, kernel, bias)),
        ],
        wrong={
            "once for each channel": lambda x, k, b: convolve_by_loops(x, k, x.shape[-1] * b),
            "once for each place of the kernel": lambda x, k, b: convolve_by_loops(x, k, 9 * b),
            "kernel is flipped": lambda x, k, b: convolve_by_loops(x, k[::-1, ::-1], b),
            "padded with zeros": convolve_padded,
            "The picture was divided by 255": lambda x, k, b: convolve_by_loops(x / 255, k, b),
            "without its axis they may end the process": lambda x, k, b: tf.nn.conv2d(x, k, 1, "VALID") + b,
            "take it as it comes": lambda x, k, b: convolve_by_loops(x / 255 if x.max() > 2 else x, k, b),
            "bias is missing": lambda x, k, b: convolve_by_loops(x, k, 0 * b),
            "channels were averaged": lambda x, k, b: convolve_by_loops(x, k / x.shape[-1], b),
            "patch was averaged": lambda x, k, b: convolve_by_loops(x, k / k[..., 0].size, b),
            "Rows and columns of the kernel": lambda x, k, b: convolve_by_loops(x, k.transpose(1, 0, 2, 3), b),
            "Rows and columns of the result": lambda x, k, b: convolve_by_loops(x, k, b).transpose(1, 0, 2),
            "filters stand first": lambda x, k, b: np.moveaxis(convolve_by_loops(x, k, b), -1, 0),
            "relu came in": lambda x, k, b: np.maximum(convolve_by_loops(x, k, b), 0),
            "There is a batch axis": lambda x, k, b: convolve_by_loops(x, k, b)[np.newaxis],
            "arrays were changed": convolve_in_place,
            "float32 is expected, and float64 came": convolve_in_float64,
            "where a list came: float32": lambda x, k, b: np.asarray(convolve_by_tensorflow(x, k, b)).tolist(),
            "the step is 1": lambda x, k, b: tf.nn.conv2d(x[np.newaxis], k, strides=2, padding="VALID")[0] + b,
            "and a kernel (3, 3": convolve_by_a_kept_layer(),
            "as sliding_window_view puts them": convolve_channels_first,
            "kernel (3, 3, 3, 2)": lambda x, k, b: convolve_by_loops(x[..., : len(b)], k[:, :, : len(b)], b),
            "kernel (3, 3, 17, 65)": lambda x, k, b: convolve_by_loops(x[..., :3], k[:, :, :3], b),
            "a picture (6": lambda x, k, b: convolve_by_loops(x[:28, :28], k, b),
            "entry [0, 0, 0] is": convolve_ink_alone,
            "there are h - 2 and w - 2 places": convolve_one_place_less,
        },
        raises=raising,
    ),
    "repair_pipeline": Proof(
        right=[
            pipeline(),
            pipeline_in_numpy,
            pipeline_one_by_one,
            pipeline(batch=32),
            pipeline_by_cropping,
            pipeline_by_numbers,
            pipeline_shuffled_twice(1),
            pipeline_moved_as_a_whole,
        ],
        wrong={
            "are not those that were given": lambda x, y: pipeline()(x, y).map(lambda x, y: (x, y / 255)),
            "should be a pair (x_batch, y_batch)": lambda x, y: pipeline()(x, y).map(lambda x, y: x),
            "the ink was lost": pipeline(scale=1 // 255),
            "The data set is empty": pipeline_without_the_rest(60_000),
            "float64; float32 is asked for": pipeline_with(lambda x: tf.cast(x, tf.float64)),
            "chance: groups of neighbors were shuffled": pipeline_of_mixed_groups,
            "divided by 255 twice": pipeline(scale=1 / 255),
            "not divided by 255": pipeline(scale=255),
            "mirrored": pipeline(move=_mirror),
            "upside down": pipeline(move=lambda: _layers(tf.keras.layers.RandomFlip("vertical"), _shift())),
            "a quarter turn or more": pipeline(move=lambda: _layers(tf.keras.layers.RandomRotation(0.5))),
            "the last axis is color": pipeline(move=lambda: _layers(), axis=False),
            "nothing is shuffled": pipeline(buffer=0),
            "the buffer of shuffle is much smaller": pipeline(buffer=500),
            "No picture from the end": pipeline(buffer=1000),
            "buffer of shuffle is smaller than the": pipeline(buffer=2350),
            "groups of neighbors were shuffled": pipeline_of_mixed_batches,
            "groups of neighbors": pipeline(buffer=10),
            "nearly the same order": pipeline_shuffled_twice(10),
            "of the neighbors in one pass are neighbors": pipeline_in_batches(
                lambda dataset, n: dataset.shuffle(n).batch(64).cache().shuffle(100)
            ),
            "parts of an order that was drawn once": pipeline_of_an_order_drawn_once,
            "Of 7 pictures not all came": pipeline_in_batches(
                lambda dataset, n: dataset.shuffle(n).batch(64, drop_remainder=n < 64)
            ),
            "second pass is empty": pipeline_used_up,
            "does not know the shape of x_batch": pipeline_of_unknown_shape,
            "does not know the shape of y_batch": pipeline_of_labels_of_unknown_shape,
            "whole batches were shuffled": pipeline_of_shuffled_batches(64),
            "Shuffle before you batch": pipeline_of_shuffled_batches(8),
            "had the same order": pipeline_same_order,
            "training=True is missing": pipeline(training=False),
            "same moved pictures": pipeline_cached,
            "shuffled apart": pipeline_labels_apart,
            "moved against each other, by one": lambda x_train, y_train: pipeline()(x_train, np.roll(y_train, 1)),
            "Ink and paper were exchanged": lambda x, y: pipeline()(255 - x, y),
            "Rows and columns of the pictures": pipeline_with(lambda x: tf.transpose(x, (0, 2, 1, 3))),
            "255 should become 1": pipeline(scale=255 / 256),
            "The greatest values of the pictures": pipeline_with(tf.round),
            "no other step may change": pipeline_with(lambda x: 0.95 * x),
            "a gap was filled": pipeline(
                move=lambda: _layers(tf.keras.layers.RandomTranslation(0.1, 0.1, "constant", fill_value=255.0))
            ),
            "; from 0 to 1 is asked for": pipeline_with(lambda x: 2 * x - 1),
            "1.3; from 0 to 1": pipeline_with(lambda x: 1.3 * x),
            "Ink was taken away, and none came": pipeline_of_lost_pixels(0.1),
            "pixels were changed, not moved": pipeline_of_lost_pixels(0.02),
            "are zoomed": pipeline(move=lambda: _layers(tf.keras.layers.RandomZoom(0.2))),
            "Only": pipeline_moved_in_part(1),
            "of the pictures were moved; each should be": pipeline_moved_in_part(32),
            "the move is always the same": pipeline(move=lambda: _layers(tf.keras.layers.Lambda(_one_along))),
            "Of 12,000 pictures none from the end": pipeline(buffer=10_000),
            "Pictures with the label [7] are not moved": pipeline_moved_where(lambda places, labels: labels != 7),
            "The last batch was not moved": pipeline_moved_where(lambda places, labels: tf.size(places) == 64),
            "first picture of a batch is never moved": pipeline_moved_where(lambda places, labels: places > 0),
            "moved by more than 0.0": pipeline(move=_moved_by(0.001, 0.001)),
            "move to one side": pipeline(move=_moved_by((0.12, 0.2), (0.12, 0.2))),
            "cut in half at the edge": pipeline(move=_moved_by(0.35, 0.35)),
            "times as large as they were": pipeline(move=_enlarged),
            "more than 1.5 times": pipeline(move=lambda: _layers(_shift(), tf.keras.layers.RandomZoom(0.5))),
            "changed in place": pipeline_in_place,
            "one label for each picture": pipeline_of_vectors,
            "Keep the last, smaller batch": pipeline_without_the_rest(64),
            "smaller batch": pipeline_without_the_rest(50),
            "Is a part of the data left out": lambda x, y: pipeline()(x, y).skip(1),
            "gave 2592 pictures of 2593": lambda x, y: (
                pipeline()(x, y).unbatch().batch(32).filter(lambda pictures, _: tf.shape(pictures)[0] > 1)
            ),
            "fit` counts the epochs": lambda x, y: pipeline()(x, y).repeat(),
            "each should come once, moved or not": pipeline_with_copies,
            "is not batched": lambda x, y: pipeline()(x, y).unbatch(),
            "returns nothing": lambda x, y: None,
        },
        raises=raising,
        breaks=(pipeline_in_batches(lambda dataset, n: dataset.shuffle(n).batch(n // 10)),),
    ),
    "allowed_augmentations": Proof(
        right=[
            allowed_by_comprehension,
            allowed_by_tensorflow,
            allowed_one_digit_at_a_time,
            allowed_by_a_loop,
            lambda *given: np.array(allowed_by_comprehension(*given)),
        ],
        wrong={
            "asks whether some digits survive": allowed_by(lambda right, shares, least: max(shares) >= least),
            "More than half of each digit's": allowed_by(lambda right, shares, least: min(shares) > 0.5),
            "None is allowed there, though": allowed_by(lambda right, shares, least: min(shares) >= 100 * least),
            "though a shift changes no label": allowed_of_parts,
            "A set of the allowed names": lambda *given: ", ".join(allowed_by_comprehension(*given)),
            "All are allowed there": lambda augmentations, *_: set(augmentations),
            "0.07 * 100 is more than 7": allowed_by_product,
            "1 - 0.93 less than 0.07": allowed_by_rest,
            "The 9 was left out: it occurs once": allowed_by_digits_of_the_first_rows,
            "average over all pictures": allowed_by(lambda right, shares, least: right.mean() >= least),
            "nine good digits hide": allowed_by(lambda right, shares, least: np.mean(shares) >= least),
            "got ['blot', 'copy', 'mist', 'shift', 'smudge']": allowed_without_large_confusions,
            "nothing kept from the call before": allowed_and_kept(),
            "it occurs once there, and counts": allowed_up_to_the_number_of_kinds,
            "keeps every single picture": allowed_by(lambda right, shares, least: right.all()),
            "forbidden ones": allowed_by(lambda right, shares, least: min(shares) < least),
            "6 and 9 only": allowed_by(lambda right, shares, least: min(shares[6:7] + shares[-1:]) >= least),
            "exactly `least` is enough": allowed_by(lambda right, shares, least: min(shares) > least),
            "the worst share is 18/20": allowed_by_wrong_shares,
            "divide by the digit's pictures": allowed_by(lambda right, shares, least: min(shares) > 0),
            "the worst share is 66/80": allowed_by(lambda right, shares, least: int(100 * min(shares)) >= 100 * least),
            "labels were changed": allowed_that_remain,
            "what the judge said before": allowed_by_the_judge,
            "is `least` used": allowed_by(lambda right, shares, least: min(shares) >= 0.9),
            "does not occur in y": allowed_by_ten_digits,
            "The 9 was left out": allowed_without_rare_digits,
            "leaves out the digit 9": allowed_by(lambda right, shares, least: min(shares[:9]) >= least),
            "leaves out the digit 0": allowed_by(lambda right, shares, least: min(shares[-9:]) >= least),
            "is 17/19": allowed_by(lambda right, shares, least: round(min(shares), 1) >= least),
            "is 15/19": allowed_by(lambda right, shares, least: round(min(shares), 2) >= least),
            "do not round": allowed_by(lambda right, shares, least: min(shares) >= least - 0.005),
            "divide by those that are one": allowed_by_precision,
            "the loop ends too early": allowed_until_the_first,
            "the result of the one before": allowed_one_after_another,
            "returns nothing": lambda *_: None,
        },
        raises=raising,
    ),
    "unfreeze_top": Proof(
        right=[
            unfreeze(count_of=lambda base, count: min(count, len(base.layers))),
            unfreeze_by_slices,
            unfreeze_and_freeze_again,
            unfreeze_by_partial,
            unfreeze_with_the_loss_anew,
            unfreeze(base_first=False),
        ],
        wrong={
            "weights were changed": unfreeze_under_a_new_head,
            "Only flags change here": unfreeze_with_new_averages,
            "and compile adds it": unfreeze_with_all_metrics,
            "expected []. One layer too many": unfreeze(count_of=lambda base, count: max(count, 1)),
            "The head does not learn any more": unfreeze_chosen(_top, freeze=lambda model, base: model.layers[-1:]),
            "a step of training must move what learns": unfreeze_without_a_loss,
            "not compiled again": unfreeze_by_rate_only,
            "For count=0 of 8 layers: The learning rate is right": unfreeze_compiled_for(lambda count: count > 0),
            "For count=10 of 8 layers: The learning rate is right": unfreeze_compiled_for(lambda count: count < 9),
            "sets the flags of all its layers": unfreeze_base_last,
            "so all are asked for": unfreeze_chosen(lambda layers, i, count: count < 9 and _top(layers, i, count)),
            "Was the model compiled again": unfreeze(compiled=False),
            "0.005 was asked for": unfreeze(rate=0.1),
            "Batch normalization stays frozen": unfreeze(norms=True),
            "all layers inside are switched off": unfreeze_and_freeze_the_base,
            "is the whole list": unfreeze_with_slice,
            "*last* layers": unfreeze_the_first,
            "A slice with a negative end": unfreeze_chosen(
                lambda layers, i, count: layers[i] not in layers[: len(layers) - count] and not _norm(layers[i])
            ),
            "Layer normalization is no": unfreeze_chosen(
                lambda layers, i, count: _top(layers, i, count) and "Normalization" not in type(layers[i]).__name__
            ),
            "layers of the base learn: [3, 4, 6, 7]": unfreeze_chosen(
                lambda layers, i, count: i >= len(layers) - count and "batch_norm" not in layers[i].name
            ),
            "is `count` used": unfreeze_chosen(lambda layers, i, count: not _norm(layers[i])),
            "One layer too many learns": unfreeze_chosen(_top_of_weighted),
            "One layer too few learns": unfreeze(count_of=lambda base, count: max(count - 1, 0)),
            "it should stay at 0.005": unfreeze_at_a_falling_rate,
            "its averages move": unfreeze(norms="by weights"),
            "outside the base learns as before": unfreeze_chosen(
                _top, freeze=lambda model, base: filter(_norm, model.layers)
            ),
            "A flag there was changed": unfreeze_everything_outside,
            "another loss": unfreeze(loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
            "Return the model that was given": unfreeze_a_copy,
            "returns nothing": lambda *_: None,
        },
        raises=raising,
        breaks=(unfreeze_with_one_optimizer(),),
    ),
    "pixel_saliency": Proof(
        right=[saliency(_difference), saliency_by_variable, saliency_one_by_one, saliency_by_jacobian],
        wrong={
            "gradient times picture": saliency_times_picture,
            "sign was kept": saliency(_difference, after=lambda slope: tf.reduce_max(slope, axis=-1)),
            "label's logit alone": saliency(lambda logits, labels, rivals: _picked(logits, labels)),
            "rival's logit alone": saliency(lambda logits, labels, rivals: _picked(logits, rivals)),
            "were added": saliency(lambda logits, labels, rivals: _picked(logits, labels) + _picked(logits, rivals)),
            "two absolute values": saliency_of_absolutes,
            "winning class": saliency(lambda logits, labels, rivals: tf.reduce_max(logits, axis=-1)),
            "take the labels that are given": saliency(
                lambda logits, _, rivals: _difference(logits, tf.argmax(logits, axis=-1), rivals)
            ),
            "by the greatest of all": saliency(
                _difference, after=lambda slope: _greatest(slope) / tf.reduce_max(abs(slope))
            ),
            "of each picture were divided": saliency(
                _difference, after=lambda slope: _greatest(slope) / tf.reduce_max(_greatest(slope), (1, 2), True)
            ),
            "cast the pictures before the tape": saliency_of_floats,
            "slope of the loss": saliency(_loss),
            "divides by the number": saliency(lambda *answer: tf.reduce_mean(_difference(*answer))),
            "color axis is still there": saliency(_difference, after=tf.abs),
            "mean over the colors": saliency(_difference, after=lambda slope: tf.reduce_mean(tf.abs(slope), -1)),
            "sum over the colors": saliency(_difference, after=lambda slope: tf.reduce_sum(tf.abs(slope), -1)),
            "first color only": saliency(_difference, after=lambda slope: tf.abs(slope)[..., 0]),
            "does not watch": saliency_unwatched,
            "training mode": saliency_in_training,
            "changed in place": saliency_in_place,
            "two probabilities": saliency(_of_probabilities),
            "divided by 255 inside": saliency_of_parts,
            "divided by 255 first": lambda model, x, *chosen: saliency(_difference)(
                model, x / np.float32(255), *chosen
            ),
            "needs batch_dims=1": saliency(
                lambda logits, labels, rivals: (
                    tf.gather(logits, np.int32(labels), axis=1) - tf.gather(logits, np.int32(rivals), axis=1)
                )
            ),
            "a steep slope downward": saliency(_difference, after=lambda slope: abs(tf.reduce_max(slope, axis=-1))),
            "length of the slope": saliency(_difference, after=lambda slope: tf.norm(slope, axis=-1)),
            "The shape is (28, 28)": saliency(_difference, after=lambda slope: tf.squeeze(_greatest(slope))),
            "40 float32 pictures with 1 color": saliency_of_ink,
            "11 float32 pictures with 3 colors": saliency_of_cut_pixels,
            "11 float32 pictures with 3 colors, divided": saliency_of_pixels_above_0,
            "40 float32 pictures": saliency_of_a_batch,
            "For 40 float32 pictures with 1 color, divided": saliency_of_the_labels_before(),
        },
        raises=raising,
        breaks=(saliency(_difference_of_gathered),),
    ),
}
