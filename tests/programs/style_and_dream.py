"""Style transfer of a Variable image over several graphs, and deep dream with sizes known only when running."""
import tensorflow as tf, numpy as np, functools
np.random.seed(0)
content = np.random.rand(1, 16, 16, 3).astype(np.float32) * 255; style = np.random.rand(1, 16, 16, 3).astype('float32') * 255
MEAN = np.array([123.68, 116.779, 103.939])
vgg = {'conv1_1': (np.random.randn(3, 3, 3, 4) * .1, np.random.randn(4)), 'conv1_2': (np.random.randn(3, 3, 4, 4) * .1, np.random.randn(4)), 'conv2_1': (np.random.randn(3, 3, 4, 8) * .1, np.random.randn(8))}
def net_preloaded(weights, input_image):
    net = {}; current = input_image
    for name in ('conv1_1', 'relu1_1', 'conv1_2', 'relu1_2', 'pool1', 'conv2_1', 'relu2_1'):
        kind = name[:4]
        if kind == 'conv':
            k, b = weights[name]
            current = tf.nn.bias_add(tf.nn.conv2d(current, tf.constant(k, dtype=tf.float32), strides=(1, 1, 1, 1), padding='SAME'), b.reshape(-1).astype('f4'))
        elif kind == 'relu': current = tf.nn.relu(current)
        elif kind == 'pool': current = tf.nn.avg_pool(current, ksize=(1, 2, 2, 1), strides=(1, 2, 2, 1), padding='SAME')
        net[name] = current
    return net
shape = content.shape
content_features, style_features = {}, {}
g = tf.Graph()
with g.as_default(), g.device('/cpu:0'), tf.Session() as sess:
    image = tf.placeholder('float', shape=shape)
    net = net_preloaded(vgg, image)
    content_features['relu2_1'] = net['relu2_1'].eval(feed_dict={image: content - MEAN})
g = tf.Graph()
with g.as_default(), g.device('/cpu:0'), tf.Session() as sess:
    image = tf.placeholder('float', shape=shape); net = net_preloaded(vgg, image)
    for layer in ('relu1_1', 'relu2_1'):
        features = net[layer].eval(feed_dict={image: style - MEAN})
        features = np.reshape(features, (-1, features.shape[3]))
        style_features[layer] = np.matmul(features.T, features) / features.size
with tf.Graph().as_default():
    initial = tf.random_normal(shape) * 0.256
    image = tf.Variable(initial)
    net = net_preloaded(vgg, image)
    content_loss = 5 * (2 * tf.nn.l2_loss(net['relu2_1'] - content_features['relu2_1']) / content_features['relu2_1'].size)
    style_losses = []
    for sl in ('relu1_1', 'relu2_1'):
        layer = net[sl]
        _, height, width, number = map(lambda i: i.value, layer.get_shape())
        size = height * width * number
        feats = tf.reshape(layer, (-1, number))
        gram = tf.matmul(tf.transpose(feats), feats) / size
        sg = style_features[sl]
        style_losses.append(2 * tf.nn.l2_loss(gram - sg) / sg.size)
    style_loss = 100 * functools.reduce(tf.add, style_losses)
    def _tensor_size(tensor):
        from operator import mul
        return functools.reduce(mul, (d.value for d in tensor.get_shape()), 1)
    tv_y_size = _tensor_size(image[:, 1:, :, :]); tv_x_size = _tensor_size(image[:, :, 1:, :])
    tv_loss = 2 * ((tf.nn.l2_loss(image[:, 1:, :, :] - image[:, :shape[1]-1, :, :]) / tv_y_size) + (tf.nn.l2_loss(image[:, :, 1:, :] - image[:, :, :shape[2]-1, :]) / tv_x_size))
    loss = content_loss + style_loss + tv_loss
    train_step = tf.train.AdamOptimizer(10.0, 0.9, 0.999, 1e-08).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        l0 = loss.eval()
        for i in range(10): train_step.run()
        assert loss.eval() < l0 and image.eval().reshape(shape[1:]).shape == (16, 16, 3)
# deep dream
graph = tf.Graph(); sess = tf.InteractiveSession(graph=graph)
t_input = tf.placeholder(np.float32, name='input')
t_preprocessed = tf.expand_dims(t_input - 117.0, 0)
W = tf.constant(np.random.randn(3, 3, 3, 4).astype(np.float32) * .1)
t_obj = tf.nn.relu(tf.nn.conv2d(t_preprocessed, W, [1, 1, 1, 1], 'SAME'), name='layer1')
def T(layer): return graph.get_tensor_by_name("%s:0" % layer)
def tffunc(*argtypes):
    placeholders = list(map(tf.placeholder, argtypes))
    def wrap(f):
        out = f(*placeholders)
        def wrapper(*args, **kw):
            return out.eval(dict(zip(placeholders, args)), session=kw.get('session'))
        return wrapper
    return wrap
def resize(img, size):
    img = tf.expand_dims(img, 0)
    return tf.image.resize_bilinear(img, size)[0, :, :, :]
resize = tffunc(np.float32, np.int32)(resize)
t_score = tf.reduce_mean(T('layer1')[:, :, :, 2]); t_grad = tf.gradients(t_score, t_input)[0]
img = np.random.uniform(size=(20, 20, 3)) + 100.0
for octave in range(2):
    if octave > 0: img = resize(img, np.int32(np.float32(img.shape[:2]) * 1.4))
    for i in range(3):
        gr, score = sess.run([t_grad, t_score], {t_input: img})
        gr /= gr.std() + 1e-8; img += gr * 1.0
assert img.shape == (28, 28, 3)
k = np.float32([1, 4, 6, 4, 1]); k = np.outer(k, k); k5x5 = k[:, :, None, None] / k.sum() * np.eye(3, dtype=np.float32)
with tf.name_scope('split'):
    x = tf.placeholder(tf.float32, [1, None, None, 3])
    lo = tf.nn.conv2d(x, k5x5, [1, 2, 2, 1], 'SAME'); lo2 = tf.nn.conv2d_transpose(lo, k5x5 * 4, tf.shape(x), [1, 2, 2, 1]); hi = x - lo2
assert hi.eval({x: img[None]}).shape == (1, 28, 28, 3)
assert [op.name for op in graph.get_operations()][:4] == ["input", "sub/y", "sub", "ExpandDims/dim"]
