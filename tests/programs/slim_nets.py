"""Nets in the style of slim: arg_scopes, end points, regularizers, create_train_op, maps of metrics."""
import tensorflow as tf, numpy as np
slim = tf.contrib.slim
def vgg_arg_scope(weight_decay=0.0005):
    with slim.arg_scope([slim.conv2d, slim.fully_connected], activation_fn=tf.nn.relu, weights_regularizer=slim.l2_regularizer(weight_decay), biases_initializer=tf.zeros_initializer()):
        with slim.arg_scope([slim.conv2d], padding='SAME') as arg_sc:
            return arg_sc
def vgg(inputs, num_classes=10, is_training=True, dropout_keep_prob=0.5, scope='vgg_a', spatial_squeeze=True):
    with tf.variable_scope(scope, 'vgg_a', [inputs]) as sc:
        end_points_collection = sc.name + '_end_points'
        with slim.arg_scope([slim.conv2d, slim.fully_connected, slim.max_pool2d], outputs_collections=end_points_collection):
            net = slim.repeat(inputs, 2, slim.conv2d, 4, [3, 3], scope='conv1')
            net = slim.max_pool2d(net, [2, 2], scope='pool1')
            net = slim.conv2d(net, 8, [4, 4], padding='VALID', scope='fc6')
            net = slim.dropout(net, dropout_keep_prob, is_training=is_training, scope='dropout6')
            net = slim.conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope='fc8')
            end_points = slim.utils.convert_collection_to_dict(end_points_collection)
            if spatial_squeeze:
                net = tf.squeeze(net, [1, 2], name='fc8/squeezed'); end_points[sc.name + '/fc8'] = net
            return net, end_points
vgg.default_image_size = 8
with tf.Graph().as_default():
    images = tf.random_uniform((4, 8, 8, 3)); labels = tf.one_hot([1, 2, 3, 4], 10)
    with slim.arg_scope(vgg_arg_scope()):
        logits, end_points = vgg(images)
    assert sorted(end_points) == ['vgg_a/conv1/conv1_1', 'vgg_a/conv1/conv1_2', 'vgg_a/fc6', 'vgg_a/fc8', 'vgg_a/pool1']
    slim.losses.softmax_cross_entropy(logits, labels)
    total = slim.losses.get_total_loss()
    assert tf.losses.get_regularization_losses()[0].name == 'vgg_a/conv1/conv1_1/kernel/Regularizer/l2_regularizer:0'
    reg = tf.add_n(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
    def resnet_unit(x, depth, is_training):
        with slim.arg_scope([slim.batch_norm], decay=0.9, epsilon=1e-5, scale=True, is_training=is_training, updates_collections=tf.GraphKeys.UPDATE_OPS):
            pre = slim.batch_norm(x, activation_fn=tf.nn.relu, scope='preact')
            res = slim.conv2d(pre, depth, 3, stride=1, normalizer_fn=slim.batch_norm, scope='conv1')
            sep = slim.separable_conv2d(res, None, [3, 3], depth_multiplier=1, stride=2, rate=1, normalizer_fn=slim.batch_norm, scope='sep')
            return slim.avg_pool2d(sep, [2, 2], scope='p')
    with tf.variable_scope('unit'):
        out = resnet_unit(images, 6, True)
    lr = tf.train.exponential_decay(0.01, tf.train.get_or_create_global_step(), 10, 0.9, staircase=True)
    opt = tf.train.RMSPropOptimizer(lr, 0.9, momentum=0.9, epsilon=1.0)
    train_op = slim.learning.create_train_op(total, opt, summarize_gradients=False, clip_gradient_norm=4.)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert slim.get_model_variables('unit')[2].op.name == 'unit/preact/moving_mean'
        for _ in range(3): l = sess.run(train_op)
        assert sess.run(out).shape == (4, 2, 2, 6) and sess.run(slim.get_global_step()) == 3 and sess.run(reg) > 0
    preds = tf.argmax(logits, 1); 
    names_to_values, names_to_updates = slim.metrics.aggregate_metric_map({'acc': slim.metrics.streaming_accuracy(preds, tf.argmax(labels, 1)), 'mse': slim.metrics.streaming_mean_squared_error(logits, labels)})
    with tf.Session() as sess:
        sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        for _ in range(2): sess.run(list(names_to_updates.values()))
        assert sorted(sess.run(names_to_values)) == ['acc', 'mse']
