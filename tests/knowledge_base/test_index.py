def test_x(index):
    from tests.knowledge_base.tiny import ANYONE
    for q in ["养老保险最低要交多少年","今天天气怎么样","社保卡掉了哪里补啊"]:
        f=index.search(q,ANYONE)
        print(q,[(h.entry.id,round(h.score,3),h.arms) for h in f.hits], f.out_of_scope)
    print(index.join)
